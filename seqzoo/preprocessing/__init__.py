"""Raw examples to batches of `(x, y, sample_weight)` in `tf.data`, and back."""

from seqzoo.preprocessing.batching import Batches, evaluation_batches, training_batches
from seqzoo.preprocessing.byte import ByteTokenizer
from seqzoo.preprocessing.character import CharacterTokenizer
from seqzoo.preprocessing.corpus import examples
from seqzoo.preprocessing.packing import Packed, pack_rows
from seqzoo.preprocessing.pairs import TextPairs
from seqzoo.preprocessing.running_text import RunningText
from seqzoo.preprocessing.space import SpaceTokenizer
from seqzoo.preprocessing.streaming import streamed_batches
from seqzoo.preprocessing.subword import SubwordTokenizer
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.preprocessing.word import WordTokenizer

TOKENIZERS = {
    "word": WordTokenizer,
    "character": CharacterTokenizer,
    "subword": SubwordTokenizer,
    "space": SpaceTokenizer,
    "byte": ByteTokenizer,
}

__all__ = [
    "RunningText",
    "TextPairs",
    "Tokenizer",
    "WordTokenizer",
    "CharacterTokenizer",
    "SubwordTokenizer",
    "SpaceTokenizer",
    "ByteTokenizer",
    "TOKENIZERS",
    "Batches",
    "Packed",
    "pack_rows",
    "streamed_batches",
    "examples",
    "training_batches",
    "evaluation_batches",
]
