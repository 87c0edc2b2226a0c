"""A recipe of a task that generates nothing and trains in a moment: each letter's code, guessed."""

import dataclasses

import keras
import tensorflow as tf

from seqzoo.heads.tokens import Tokens
from seqzoo.preprocessing import CharacterTokenizer, TextPairs
from seqzoo.recipe import Answer, Figure, Recipe, TrainingOptions
from seqzoo.tasks import Task


@dataclasses.dataclass(frozen=True)
class Data:
    size: int = 20


@dataclasses.dataclass(frozen=True)
class Model:
    units: int = 5
    dropout: float = 0.5


@keras.saving.register_keras_serializable(package="tests")
class Letters(Task):
    def __init__(self, preprocessor, head=None, units=5, dropout=0.0, **kwargs):
        size = preprocessor.target.vocabulary_size
        super().__init__(Tokens(size) if head is None else head, preprocessor, **kwargs)
        self.units = units
        self.embedding = keras.layers.Embedding(size, units)
        self.drop = keras.layers.Dropout(dropout)
        self.call({"target_ids": tf.zeros([1, 1], tf.int32)})
        self.built = True

    def target_mask(self, x, y):
        return keras.ops.not_equal(y, 0)

    def call(self, x, training=False):
        return self.head(self.drop(self.embedding(x["target_ids"]), training=training))

    def serving_signatures(self, search=None):
        spec = tf.TensorSpec([None], tf.string, name="text")
        return {"serving_default": tf.function(lambda text: {"text": text}, [spec])}

    def get_config(self):
        return super().get_config() | {"units": self.units, "dropout": self.drop.rate}


def load(folder, data):
    if folder is not None:
        raise ValueError("This recipe\nhas no data but its own.")
    pairs = [(f"{number}", f"{number:03b}") for number in range(data.size)]
    return {"train": pairs, "validation": pairs[::2], "test": pairs[1::3], "test_few": pairs[:2]}


def build(splits, model):
    letters = {"normalization": None}  # whose graph takes a while to build
    pairs = TextPairs(CharacterTokenizer(**letters), CharacterTokenizer(**letters))
    pairs.adapt(splits["train"])
    return Letters(pairs, units=model.units, dropout=model.dropout)


recipe = Recipe(
    name="tiny",
    load=load,
    build=build,
    data=Data(),
    model=Model(),
    training=TrainingOptions(epochs=4, batch_size=8, learning_rate=0.02, patience=3),
    search=None,
    metrics={},
    examples=("ab", "c"),
    figures=(Figure("token_accuracy, test", published="0.2 (a paper)", measured="0.3"),),
    respond=lambda task, inputs, search: [
        [Answer(text[::-1], -0.5), Answer("tab\there", -1.0)] for text in inputs
    ],
)
