"""Raw examples to batches of `(x, y, sample_weight)` in `tf.data`, and back."""

from seqzoo.preprocessing.batching import Batches, evaluation_batches, training_batches
from seqzoo.preprocessing.captions import ImageCaptions
from seqzoo.preprocessing.character import CharacterTokenizer
from seqzoo.preprocessing.corpus import examples
from seqzoo.preprocessing.features import FeatureReader
from seqzoo.preprocessing.frames import FrameReader
from seqzoo.preprocessing.images import ImageReader
from seqzoo.preprocessing.pairs import TextPairs
from seqzoo.preprocessing.subword import SubwordTokenizer
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.preprocessing.word import WordTokenizer

TOKENIZERS = {
    "word": WordTokenizer,
    "character": CharacterTokenizer,
    "subword": SubwordTokenizer,
}

__all__ = [
    "FeatureReader",
    "FrameReader",
    "ImageCaptions",
    "ImageReader",
    "TextPairs",
    "Tokenizer",
    "WordTokenizer",
    "CharacterTokenizer",
    "SubwordTokenizer",
    "TOKENIZERS",
    "Batches",
    "examples",
    "training_batches",
    "evaluation_batches",
]
