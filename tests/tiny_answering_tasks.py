"""Tiny tasks for the tests that answer at once.

Classifiers and taggers: is there an "a", and the letter after each "a"; of bases: is there a "G",
and each of them. Masked language models, and what their encoders become: texts of letters that
follow each other.
"""

import functools
import random
from typing import Any, NamedTuple

import keras
from tiny_tasks import letter_texts, letters_tokenizer
from tracing import traced

from seqzoo import Classifier, SentenceEncoder, Tagger, encoders, heads, zoo
from seqzoo.preprocessing import (
    CharacterTokenizer,
    LabelledResidues,
    LabelledText,
    TaggedResidues,
    TaggedSubwords,
    TaggedTokens,
    TokenLookup,
    WhitespaceTokenizer,
)
from seqzoo.preprocessing.tag_schemes import forbidden_pairs
from seqzoo.training.optimizer import Adam

LETTERS = "abcdefg"
VOCABULARY = ["", "<unk>", "<start>", "<end>", *LETTERS]


def words(count, seed=0):
    rng = random.Random(seed)
    return [rng.choices(LETTERS, k=rng.randint(1, 6)) for _ in range(count)]


def classified(count, seed=0, multi_label=False):
    """Pairs such as ("c a b", "yes"), or ("c a b", ["a", "b"])."""
    pairs = []
    for letters in words(count, seed):
        several = sorted({"a", "b"}.intersection(letters))
        label = several if multi_label else "yes" if "a" in letters else "no"
        pairs.append((" ".join(letters), label))
    return pairs


def tagged(count, seed=0):
    """Pairs such as (["c", "a", "b"], ["O", "B-X", "I-X"])."""
    return [
        (
            letters,
            [
                "B-X" if letter == "a" else "I-X" if i and letters[i - 1] == "a" else "O"
                for i, letter in enumerate(letters)
            ],
        )
        for letters in words(count, seed)
    ]


def tokenizer(kind):
    # Without a normal form, whose graph takes seconds to trace.
    return kind(normalization=None, vocabulary=VOCABULARY)


def make_classifier(builder="conneau_2017", multi_label=False, seed=1, **settings):
    keras.utils.set_random_seed(seed)
    labels = ["a", "b"] if multi_label else ["no", "yes"]
    preprocessor = LabelledText(tokenizer(WhitespaceTokenizer), labels, multi_label)
    sizes: dict[str, Any] = {
        "conneau_2017": {"units": 6, "embedding_dim": 5},
        "lin_2017": {"units": 6, "embedding_dim": 5, "attention_units": 4, "hops": 2},
        "kim_2014": {"embedding_dim": 5, "filters": 4, "windows": (2, 3), "dropout": 0.0},
        "bai_2018": {"embedding_dim": 5, "units": 6, "blocks": 2, "dropout": 0.0},
    }
    return zoo.ZOO[builder](preprocessor, **{**sizes[builder], **settings})


def make_wide_classifier(multi_label=False, seed=1):
    """One with a part that counts letters and their pairs."""
    keras.utils.set_random_seed(seed)
    labels = ["a", "b"] if multi_label else ["no", "yes"]
    words = tokenizer(WhitespaceTokenizer)
    preprocessor = LabelledText(words, labels, multi_label, bigrams=True)
    preprocessor.adapt(classified(40, multi_label=multi_label))
    return zoo.conneau_2017(preprocessor, units=6, embedding_dim=5)


def make_tagger(builder="ma_2016", seed=1, **settings):
    keras.utils.set_random_seed(seed)
    pieces = tokenizer(CharacterTokenizer)
    preprocessor = TaggedTokens(tokenizer(TokenLookup), pieces, ["B-X", "I-X", "O"])
    sizes = {"units": 6, "embedding_dim": 5, "piece_dim": 3, "piece_units": 4, "dropout": 0.0}
    return zoo.ZOO[builder](preprocessor, **{**sizes, "scheme": "bio", **settings})


def make_masked_language_model(seed=1, **settings):
    keras.utils.set_random_seed(seed)
    sizes = {"units": 16, "layers": 1, "num_heads": 2, "dropout": 0.0, "window_length": 8}
    return zoo.devlin_2019(letters_tokenizer(), **{**sizes, "rate": 0.3, **settings})


def make_subword_tagger(seed=1, **settings):
    """One of letters as subwords, whose encoder is that of a masked language model."""
    encoder = make_masked_language_model(seed, **settings).encoder
    tags = ["B-X", "I-X", "O"]
    subwords = TaggedSubwords(tokenizer(CharacterTokenizer), tags, max_length=8)
    head = heads.Tags(3, forbidden=forbidden_pairs(tags, "bio"))
    return Tagger(encoder=encoder, preprocessor=subwords, head=head)


def make_sentence_encoder(seed=1, **settings):
    encoder = make_masked_language_model(seed, **settings).encoder
    return SentenceEncoder(encoder, LabelledText(letters_tokenizer(), max_length=8))


def sequences(count, seed=0):
    rng = random.Random(seed)
    return ["".join(rng.choices("ACTNG", k=rng.randint(1, 6))) for _ in range(count)]


def classified_residues(count, seed=0):
    """Pairs such as ("ACG", "yes")."""
    return [(bases, "yes" if "G" in bases else "no") for bases in sequences(count, seed)]


def tagged_residues(count, seed=0):
    """Pairs such as ("ACG", "OOX"), of which N has no tag that is known."""
    tags = {"G": "X", "N": "?"}
    made = sequences(count, seed)
    return [(bases, "".join(tags.get(base, "O") for base in bases)) for bases in made]


def make_residue_classifier(seed=1):
    keras.utils.set_random_seed(seed)
    windows = encoders.TextCNN(None, 4, windows=(1, 2), filters=4)
    chain = encoders.EncoderChain([windows, encoders.RecurrentEncoder(None, 8, 5)])
    residues = LabelledResidues(["no", "yes"])
    return Classifier(encoders.BothStrands(chain), residues, pooling="max")


def make_residue_tagger(seed=1):
    keras.utils.set_random_seed(seed)
    residues = TaggedResidues(["O", "X"], "bases")
    return Tagger(None, encoders.RecurrentEncoder(None, 4, 5), residues, heads.Tags(2, crf=False))


class Trained(NamedTuple):
    task: Any
    history: dict[str, list[float]]


@functools.cache
@traced
def trained(kind):
    """One that has learned something, and its history. Tests share it and leave it as it is."""
    if kind == "sentence_encoder":  # not trained as one
        return Trained(make_sentence_encoder(), {})
    build, examples, settings = {
        "classifier": (make_classifier, classified, {"epochs": 5}),
        "wide_classifier": (make_wide_classifier, classified, {"epochs": 5}),
        "tagger": (make_tagger, tagged, {"epochs": 5}),
        "subword_tagger": (make_subword_tagger, tagged, {"epochs": 8}),
        "residue_classifier": (make_residue_classifier, classified_residues, {"epochs": 5}),
        "residue_tagger": (make_residue_tagger, tagged_residues, {"epochs": 5}),
        "masked_language_model": (make_masked_language_model, letter_texts, {"epochs": 25}),
    }[kind]
    is_text = examples is letter_texts
    task, counts = build(), (400, 40) if is_text else (120, 20)
    task.compile(Adam(0.01 if is_text else 0.03))
    settings |= {"validation_data": examples(counts[1], seed=2), "verbose": 0}
    history = task.fit(examples(counts[0]), batch_size=16 if is_text else 20, **settings).history
    return Trained(task, history)
