"""Raw examples to batches of `(x, y, sample_weight)` in `tf.data`, and back."""

from seqzoo.preprocessing.bases import ALPHABETS, letter_vectors, reverse_complement
from seqzoo.preprocessing.batching import Batches, evaluation_batches, training_batches
from seqzoo.preprocessing.byte import ByteTokenizer
from seqzoo.preprocessing.byte_pairs import BytePairTokenizer
from seqzoo.preprocessing.calendar import CALENDAR, calendar_features
from seqzoo.preprocessing.captions import ImageCaptions
from seqzoo.preprocessing.copying import CopyingPairs
from seqzoo.preprocessing.corpus import examples
from seqzoo.preprocessing.features import FeatureReader
from seqzoo.preprocessing.forecast_windows import ForecastWindows
from seqzoo.preprocessing.frames import FrameReader
from seqzoo.preprocessing.graph_examples import GraphPairs, LabelledGraphs
from seqzoo.preprocessing.graphs import GraphReader, graph_as_text
from seqzoo.preprocessing.images import ImageReader
from seqzoo.preprocessing.labelled_residues import LabelledResidues
from seqzoo.preprocessing.labelled_text import LabelledText
from seqzoo.preprocessing.labelled_vectors import LabelledVectors
from seqzoo.preprocessing.labels import Labels
from seqzoo.preprocessing.limits import Limits
from seqzoo.preprocessing.lookup import CharacterTokenizer, TokenLookup, WhitespaceTokenizer
from seqzoo.preprocessing.masked_text import MaskedText
from seqzoo.preprocessing.midi import read_midi, write_midi
from seqzoo.preprocessing.music import (
    PianoRolls,
    chords,
    piano_roll,
    piece_as_text,
    piece_of_text,
    transposed,
)
from seqzoo.preprocessing.packing import Packed, pack_rows
from seqzoo.preprocessing.pairs import TextPairs
from seqzoo.preprocessing.panel import Columns, Panel
from seqzoo.preprocessing.preprocessor import Preprocessor, RawInputs
from seqzoo.preprocessing.reading_series import read_panel
from seqzoo.preprocessing.running_text import RunningText
from seqzoo.preprocessing.sentence_pieces import SentencePieceTokenizer
from seqzoo.preprocessing.streamed_batches import streamed_batches
from seqzoo.preprocessing.subword import SubwordTokenizer
from seqzoo.preprocessing.tag_schemes import convert_tags, detect_scheme
from seqzoo.preprocessing.tagged_graphs import TaggedGraphs
from seqzoo.preprocessing.tagged_residues import TaggedResidues
from seqzoo.preprocessing.tagged_subwords import TaggedSubwords
from seqzoo.preprocessing.tagged_tokens import TaggedTokens
from seqzoo.preprocessing.tokenised_stream import tokenised
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.preprocessing.word import WordTokenizer
from seqzoo.preprocessing.word_pieces import WordPieceTokenizer
from seqzoo.preprocessing.word_vectors import (
    assign_vectors,
    cooccurrence_vectors,
    with_tokens_of,
)

TOKENIZERS = {
    "word": WordTokenizer,
    "character": CharacterTokenizer,
    "subword": SubwordTokenizer,
    "whitespace": WhitespaceTokenizer,
    "byte": ByteTokenizer,
}

PREPROCESSORS = {
    "text_pairs": TextPairs,
    "copying_pairs": CopyingPairs,
    "running_text": RunningText,
    "image_captions": ImageCaptions,
    "labelled_text": LabelledText,
    "labelled_vectors": LabelledVectors,
    "labelled_residues": LabelledResidues,
    "tagged_tokens": TaggedTokens,
    "tagged_subwords": TaggedSubwords,
    "tagged_residues": TaggedResidues,
    "piano_rolls": PianoRolls,
    "graph_pairs": GraphPairs,
    "labelled_graphs": LabelledGraphs,
    "tagged_graphs": TaggedGraphs,
}

__all__ = [
    "ALPHABETS",
    "LabelledResidues",
    "TaggedResidues",
    "letter_vectors",
    "reverse_complement",
    "assign_vectors",
    "CALENDAR",
    "PREPROCESSORS",
    "Columns",
    "CopyingPairs",
    "ForecastWindows",
    "Panel",
    "calendar_features",
    "read_panel",
    "Preprocessor",
    "RawInputs",
    "FeatureReader",
    "FrameReader",
    "GraphPairs",
    "GraphReader",
    "LabelledGraphs",
    "TaggedGraphs",
    "graph_as_text",
    "ImageCaptions",
    "ImageReader",
    "PianoRolls",
    "chords",
    "piano_roll",
    "piece_as_text",
    "piece_of_text",
    "read_midi",
    "transposed",
    "write_midi",
    "MaskedText",
    "RunningText",
    "TextPairs",
    "LabelledText",
    "Limits",
    "LabelledVectors",
    "Labels",
    "TaggedSubwords",
    "TaggedTokens",
    "TokenLookup",
    "WhitespaceTokenizer",
    "Tokenizer",
    "WordTokenizer",
    "WordPieceTokenizer",
    "BytePairTokenizer",
    "SentencePieceTokenizer",
    "ByteTokenizer",
    "CharacterTokenizer",
    "SubwordTokenizer",
    "TOKENIZERS",
    "Batches",
    "Packed",
    "pack_rows",
    "streamed_batches",
    "tokenised",
    "examples",
    "convert_tags",
    "cooccurrence_vectors",
    "detect_scheme",
    "with_tokens_of",
    "training_batches",
    "evaluation_batches",
]
