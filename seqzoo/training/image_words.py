"""A backbone for images that learns words before a captioner is trained on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def word_shares(captions: Sequence[Sequence[str]], at_least: int | None = None) -> np.ndarray:
    """Returns for each image the share of its captions that have each of the commoner words.

    Args:
        captions: Those of each image, words with blanks between them.
        at_least: Min number of images whose captions have a word; None is one in a thousand.

    Returns:
        `(images, words)` float32, words in the order of the alphabet.

    Example:
        >>> captions = [["a dot", "a red dot"], ["a dot", "it"]]
        >>> sz.training.word_shares(captions, at_least=2).tolist()  # of "a" and "dot"
        [[1.0, 1.0], [0.5, 0.5]]
    """
    at_least = max(1, len(captions) // 1000) if at_least is None else at_least
    words_of = [[set(caption.split()) for caption in each] for each in captions]
    counts = Counter(word for each in words_of for word in set().union(*each))
    words = sorted(word for word, count in counts.items() if count >= at_least)
    shares = [[np.mean([w in caption for caption in each]) for w in words] for each in words_of]
    return np.array(shares, "float32")


def learn_words(
    backbone: Any,
    batches: tf.data.Dataset,
    shares: np.ndarray,
    epochs: int,
    learning_rate: float = 2e-3,
    dropout: float = 0.3,
) -> list[float]:
    """Trains a backbone to predict which words the captions of an image have.

    A decoder that is trained with a new backbone has to learn at once where to look, what is there
    and how to word it; a backbone that knows words spares it the second. They are the attributes of
    Fang et al., 2015 (https://arxiv.org/abs/1411.4952), learned here from nothing.

    Args:
        backbone: Keras model from pixels `(B, height, width, 3)` to `(B, rows, columns, features)`.
        batches: Pixels and shares `(B, words)`, of a known number of batches, one epoch of them.
        shares: Those of all images `(images, words)`, of which the words' frequencies are taken.
        epochs: Positive int.
        learning_rate: The highest, after a twelfth of the steps; it falls to zero in a cosine.
        dropout: Of the features of a whole image.

    Returns:
        The mean loss of each epoch, nats of all words of an image.

    Raises:
        ValueError: if there is no word, no epoch, or no known number of batches.
    """
    steps = epochs * int(batches.cardinality())
    if steps < 1 or not shares.shape[1]:
        raise ValueError(
            "A backbone learns at least one word in at least one epoch of a known number of "
            f"batches. Received: {shares.shape[1]} words, epochs={epochs}, {batches.cardinality()} "
            "batches (-1 is without end, -2 is not known). Take part of the batches, or lower "
            "`at_least` of `word_shares`."
        )
    prior = np.clip(shares.mean(axis=0), 1e-4, 1 - 1e-4)
    say = keras.layers.Dense(
        shares.shape[1],
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=keras.initializers.Constant(np.log(prior / (1 - prior))),
        dtype="float32",
    )
    pixels = keras.Input(backbone.input_shape[1:])
    grid = backbone(pixels)
    pools = [keras.layers.GlobalAveragePooling2D(), keras.layers.GlobalMaxPooling2D()]
    seen = keras.layers.Concatenate()([pool(grid) for pool in pools])
    learner = keras.Model(pixels, say(keras.layers.Dropout(dropout)(seen)))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - steps // 12, warmup_target=learning_rate, warmup_steps=steps // 12
    )
    was_trainable, backbone.trainable = backbone.trainable, True
    learner.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.05, global_clipnorm=5.0),
        lambda y, logits: tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(y, logits), -1),
        jit_compile=False,
    )
    history = learner.fit(batches, epochs=epochs, verbose=2).history
    backbone.trainable = was_trainable
    return history["loss"]
