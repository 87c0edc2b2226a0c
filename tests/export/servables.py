"""A small task without Keras, for tests of what export does with any task."""

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Repeat:
    """Stands for a search."""

    times: int = 2


class Repeater(tf.Module):
    """Gives each known word repeated, with its weight, and "?" for the others."""

    search = Repeat()

    def __init__(self):
        super().__init__()
        self.weights = tf.Variable([0.5, -1 / 3, 0.25])
        self.moments = tf.Variable(tf.zeros(1000))  # as an optimizer's: no signature reads it
        words = tf.lookup.KeyValueTensorInitializer(["un", "deux"], tf.constant([0, 1], tf.int64))
        self.table = {"words": tf.lookup.StaticHashTable(words, 2)}

    def transform(self, text):
        return tf.where(self.table["words"].lookup(text) < 2, text, "?")

    def serving_signatures(self, search=None):
        search = search or self.search

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="text")])
        def serve(text):
            known = self.transform(text)
            scores = tf.gather(self.weights, self.table["words"].lookup(text))[:, None]
            return {"text": tf.stack([known] * search.times, axis=1), "scores": scores}

        return {"serving_default": serve}
