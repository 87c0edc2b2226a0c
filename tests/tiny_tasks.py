"""Tiny tasks for the tests: letters in reverse order, and letters that follow each other."""

import functools
import random
from typing import NamedTuple

import keras
from tracing import traced

from seqzoo import BeamSearch, Greedy, Seq2Seq, heads, zoo
from seqzoo.preprocessing import TextPairs, WordTokenizer
from seqzoo.tasks import LanguageModel, Task
from seqzoo.training.optimizer import Adam

LETTERS = "abcdefg"
BEAM = BeamSearch(width=4, n_best=3, max_length=8)


def reversal_pairs(count, seed=0):
    """Pairs such as ("c a b", "b a c"), of 1 to 5 letters."""
    rng = random.Random(seed)
    words = [rng.choices(LETTERS, k=rng.randint(1, 5)) for _ in range(count)]
    return [(" ".join(word), " ".join(reversed(word))) for word in words]


def letters_tokenizer():
    # Without a normal form, whose graph takes seconds to trace.
    vocabulary = ["", "<unk>", "<start>", "<end>", *LETTERS]
    return WordTokenizer(normalization=None, vocabulary=vocabulary)


def make_translator(builder="luong_2015", seed=1, **settings):
    """A Seq2Seq of the zoo, small, with the same weights for the same seed."""
    keras.utils.set_random_seed(seed)
    small = {"units": 12, "embedding_dim": 10}
    if builder == "luong_2015":
        small |= {"layers": 1, "attention": "dot", "dropout": 0.0}
    if builder == "sutskever_2014":
        small |= {"layers": 1}
    both = letters_tokenizer(), letters_tokenizer()
    return getattr(zoo, builder)(*both, **{**small, **settings})


def letter_texts(count, seed=0):
    """Texts such as "c d e f g a", of 1 to 6 letters, each most often after its neighbour."""
    rng = random.Random(seed)
    texts = []
    for _ in range(count):
        place, letters = rng.randrange(len(LETTERS)), []
        for _ in range(rng.randint(1, 6)):
            letters.append(LETTERS[place % len(LETTERS)])
            place += 1 if rng.random() < 0.9 else 3
        texts.append(" ".join(letters))
    return texts


def make_language_model(builder="zaremba_2014", seed=1, **settings):
    """A language model of the zoo, small, with the same weights for the same seed."""
    keras.utils.set_random_seed(seed)
    small = {"units": 12, "layers": 1, "dropout": 0.0, "window_length": 5}
    return getattr(zoo, builder)(letters_tokenizer(), **{**small, **settings})


class Trained(NamedTuple):
    task: Seq2Seq | LanguageModel
    history: dict[str, list[float]]


@functools.cache
@traced
def trained_translator():
    """One that has learned something, and its history. Tests share it and leave it as it is."""
    task = make_translator(units=16, search=Greedy(max_length=8))
    task.compile(Adam(0.03))
    settings = {"validation_data": reversal_pairs(9, seed=2), "batch_size": 20, "verbose": 0}
    return Trained(task, task.fit(reversal_pairs(100), epochs=8, **settings).history)


@functools.cache
@traced
def trained_language_model():
    """As `trained_translator`."""
    task = make_language_model(units=16, search=Greedy(max_length=8))
    task.compile(Adam(0.03))
    settings = {"validation_data": letter_texts(50, seed=2), "batch_size": 10, "verbose": 0}
    return Trained(task, task.fit(letter_texts(100), epochs=4, **settings).history)


@keras.saving.register_keras_serializable(package="tests")
class Bigram(Task):
    """Predicts a token from the one before it: a task that is traced in no time."""

    def __init__(self, head=None, preprocessor=None, penalty=0.0, **kwargs):
        head = heads.Tokens(4 + len(LETTERS), label_smoothing=0.1) if head is None else head
        super().__init__(head, preprocessor, **kwargs)
        self.penalty = penalty
        regularizer = keras.regularizers.L2(penalty) if penalty else None
        self.embedding = keras.layers.Embedding(
            4 + len(LETTERS), 5, embeddings_regularizer=regularizer
        )
        self.hidden = keras.layers.Dense(6, activation="tanh")
        self.build()

    def build(self, input_shape=None):
        self.head(self.hidden(self.embedding(keras.KerasTensor((None, None), dtype="int32"))))
        self.built = True

    def target_mask(self, x, y):
        return keras.ops.not_equal(y, 0)

    def call(self, x, training=False):
        return self.head(self.hidden(self.embedding(x["target_ids"])))

    def get_config(self):
        return super().get_config() | {"penalty": self.penalty}


def make_bigram(seed=1, raw=True, **settings):
    keras.utils.set_random_seed(seed)
    return Bigram(preprocessor=TextPairs(letters_tokenizer()) if raw else None, **settings)
