"""Classifiers: raw inputs in, one label or any number of them out."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import keras
import numpy as np
import tensorflow as tf

from seqzoo.amounts import STEPS_OF_CLASSES
from seqzoo.encoders.encoder import Encoded, symbolic_inputs
from seqzoo.heads.classes import Classes
from seqzoo.layers.bag_of_words import BagOfWords
from seqzoo.layers.pooling import Pooling
from seqzoo.metrics.calibration import best_share, best_temperature, best_thresholds
from seqzoo.tasks.answering import AnsweringTask, check_vocabulary
from seqzoo.training.strategies import has_several_workers


class WideAndDeep(NamedTuple):
    """The logits of the two parts of a classifier, which learn apart, `(B, C)` each."""

    wide: Any
    deep: Any


@keras.saving.register_keras_serializable(package="seqzoo")
class Classifier(AnsweringTask):
    """An encoder, a pooling and a head: sentiment, topics, questions, languages.

    Args:
        encoder: Makes `Encoded` of the inputs; see `seqzoo.encoders`. That of another task, such as
            a `MaskedLanguageModel` or a published BERT, goes on learning.
        preprocessor: `LabelledText` or `LabelledVectors`, adapted; None where users feed tensors
            `{"inputs", "mask"}` themselves.
        head: Makes logits of the pooled vector; None is `Classes` for the preprocessor's labels.
        pooling: A name in `layers.pooling.POOLINGS`, or a `Pooling`.

    Call arguments:
        x: Dict of `inputs`, token ids `(B, S)` or vectors `(B, S, F)`, and `mask` `(B, S)`. Where
            rows hold several inputs, also `segment_ids` `(B, S)` and `segments` `(B, G)`, the ids
            of those that are classified, 0 where a row has fewer.

    A preprocessor with bigrams gives the task a wide part beside the encoder, the deep one: a
    `layers.BagOfWords`. Each learns from the loss of its own logits, and the answer is by their
    mean. Few examples say more by their words than by an order that must be learned, and the mean
    is better than either. How much each part counts, `wide_share`, is a half until `fit` has seen
    raw validation examples, and then fits these best; see `metrics.calibration.best_share`.

    Returns:
        Logits `(B, class_count)`; of rows of several inputs `(B, G, class_count)`. With a wide
        part, in training `WideAndDeep`.

    Reference: Cheng et al., 2016, https://arxiv.org/abs/1606.07792, whose parts share one loss.

    Example:
        >>> tokenizer = sz.preprocessing.ByteTokenizer()
        >>> text = sz.preprocessing.LabelledText(tokenizer, labels=["bad", "good"])
        >>> encoder = sz.encoders.TextCNN(260, embedding_dim=4, filters=5)
        >>> classifier = sz.Classifier(encoder, text, pooling="max")
        >>> classifier.probabilities(["dull", "a moving film"]).shape
        (2, 2)
    """

    watched = "accuracy"
    training_steps = STEPS_OF_CLASSES

    def __init__(self, encoder, preprocessor=None, head=None, pooling: Any = "concat", **kwargs):
        if head is None:
            if preprocessor is None:
                raise ValueError(
                    "A classifier needs to know its classes: give a preprocessor, or a head, such "
                    "as heads.Classes(2)."
                )
            head = Classes(len(preprocessor.labels), preprocessor.multi_label)
        super().__init__(head, preprocessor, **kwargs)
        self.encoder = encoder
        self.pooling = Pooling(cast(Any, pooling)) if isinstance(pooling, str) else pooling
        self.wide = None
        if preprocessor is not None and (count := getattr(preprocessor, "bigram_count", 0)):
            size = preprocessor.tokenizer.vocabulary_size
            self.wide = BagOfWords(size, count, self.head.class_count, name="wide")
        self.build()

    def build(self, input_shape=None):
        """Makes all weights; no data are needed for it."""
        self._check_sizes()
        inputs = symbolic_inputs(self.encoder)
        if self.wide is not None:
            half = keras.initializers.Constant(0.5)
            self.wide_share = self.add_weight((), half, trainable=False, name="wide_share")
        self.call({"inputs": inputs, "bigrams": inputs})
        self.built = True

    def _check_sizes(self):
        if self.preprocessor is None:
            return
        labels = self.preprocessor.labels
        if self.head.class_count != len(labels):
            raise ValueError(
                f"The head has {self.head.class_count} classes and the preprocessor "
                f"{len(labels)} labels. Make the head with class_count={len(labels)}."
            )
        tokenizer = getattr(self.preprocessor, "tokenizer", None)
        if tokenizer:
            check_vocabulary(self.encoder, tokenizer)

    def call(self, x, training=False):
        parts = self._parts(x, training)
        return parts if training and self.wide is not None else self._joined(parts)

    def _parts(self, x, training=False):
        """The logits of the encoder, or `WideAndDeep`."""
        segments = {"segment_ids": x["segment_ids"]} if "segment_ids" in x else {}
        options = {"mask": x.get("mask"), "training": training}
        encoded = Encoded(*self.encoder(x["inputs"], **options, **segments))
        last = encoded.state[-1][0] if len(encoded.state) else None
        if segments:
            segments["segments"] = x.get("segments")
        pooled = self.pooling(encoded.outputs, mask=encoded.mask, last=last, **segments)
        deep = self.head(pooled, training=training)
        if self.wide is None:
            return deep
        return WideAndDeep(self.wide(x["inputs"], x["bigrams"], mask=x.get("mask")), deep)

    def _joined(self, parts):
        if self.wide is None:
            return parts
        share = tf.cast(self.wide_share, parts.deep.dtype)
        return share * parts.wide + (1 - share) * parts.deep

    def _learn_from_validation(self, batches):
        if self.wide is None or has_several_workers(self.distribute_strategy):
            return
        parts_of = tf.function(self._parts, input_signature=[batches.element_spec[0]])
        seen = [(*parts_of(x), y, *weights) for x, y, *weights in batches]
        wide, deep, *others = (np.concatenate(each) for each in zip(*seen, strict=True))
        self.wide_share.assign(
            best_share(wide, deep, others[0], self.head.multi_label, *others[1:])
        )

    def _token_losses(self, x, y, outputs, weight):
        if tf.is_tensor(outputs):
            return super()._token_losses(x, y, outputs, weight)
        losses = [super(Classifier, self)._token_losses(x, y, each, weight) for each in outputs]
        return (losses[0][0] + losses[1][0]) / 2, losses[0][1]

    def _measure(self, x, y, outputs, weight, loss_sum, weight_sum):
        outputs = self._joined(outputs) if isinstance(outputs, WideAndDeep) else outputs
        return super()._measure(x, y, outputs, weight, loss_sum, weight_sum)

    def count_examples(self, x, y):
        return tf.cast(x["segments"] > 0, tf.float32) if "segments" in x else tf.shape(y)[0]

    def answer_inputs(self, inputs):
        logits = self(inputs)
        return {"logits": logits, "probabilities": self.head.readout(logits)}

    def serve(self, raw):
        """Returns `label` `(B,)` and `probabilities` `(B, C)` of raw inputs `(B,)`.

        With many labels, `labels` `(B, C)` instead of `label`, "" where an input has not the
        label of the column. An input that is not read, see `Limits`, has the label "" and the
        probabilities 0.
        """
        return super().serve(raw)

    def served_specs(self):
        classes = self.head.class_count
        labels = {"labels": [None, classes]} if self.head.multi_label else {"label": [None]}
        specs = {name: tf.TensorSpec(shape, tf.string) for name, shape in labels.items()}
        return specs | {"probabilities": tf.TensorSpec([None, classes], tf.float32)}

    def served_answer(self, inputs, is_read, shape, longest):
        answer = self.answer_inputs(inputs)
        probabilities, decided = answer["probabilities"], self.head.decide(answer["logits"])
        probabilities = tf.where(is_read[:, None], probabilities, 0.0)
        labels = self.preprocessor.labels
        if not self.head.multi_label:
            label = tf.where(is_read, labels.strings(decided), "")
            return {"label": label, "probabilities": probabilities}
        decided &= is_read[:, None]
        names = tf.where(decided, tf.constant(labels.names), "")
        return {"labels": names, "probabilities": probabilities}

    def classify(self, inputs, batch_size: int = 64) -> list:
        """Returns the label of each raw input, or with many labels the list of its labels.

        The answer for an input does not depend on the others.

        Args:
            inputs: List of raw inputs, such as texts. An empty one gets an answer too.
            batch_size: Positive int. Max inputs that are answered together.
        """
        names = self._required_preprocessor("`classify`").labels.names
        logits = tf.constant(self._collect(inputs, "logits", batch_size))
        decided = self.head.decide(logits).numpy()
        if not self.head.multi_label:
            return [names[index] for index in decided]
        return [[names[index] for index in np.flatnonzero(row)] for row in decided]

    def probabilities(self, inputs, batch_size: int = 64) -> np.ndarray:
        """Returns the probability of each label for each raw input, `(N, C)`.

        The columns are in the order of `preprocessor.labels.names`.
        """
        return self._collect(inputs, "probabilities", batch_size)

    def _collect(self, inputs, name: str, batch_size: int) -> np.ndarray:
        inputs = self._as_list(inputs)
        collected = np.zeros((len(inputs), self.head.class_count), np.float32)
        for indices, answers in self.answers(inputs, batch_size):
            collected[indices] = answers[name]
        return collected

    def calibrate(self, examples, y=None, batch_size: int = 64) -> float:
        """Sets the temperature with which the probabilities fit examples best, and returns it.

        It changes no decision between classes. To be used with examples that the task was not
        trained on, and before `tune_thresholds`.

        Args:
            examples: Pairs of raw input and label, in any form that `fit` takes.
            y: The labels, where `examples` holds the inputs alone.
            batch_size: Max inputs that are answered together.
        Reference: Guo et al., 2017, https://arxiv.org/abs/1706.04599
        """
        inputs, targets = self._inputs_and_targets(examples, y)
        logits = self._collect(inputs, "logits", batch_size)
        temperature = best_temperature(logits, targets, self.head.multi_label)
        self.head.temperature.assign(temperature)
        return temperature

    def tune_thresholds(self, examples, y=None, batch_size: int = 64) -> dict[str, float]:
        """Sets for each label the threshold with the best F1 on examples, and returns them.

        Args:
            examples: See `calibrate`.
            y: See `calibrate`.
            batch_size: See `calibrate`.

        Raises:
            ValueError: if the task decides between classes, which have no thresholds.
        """
        if not self.head.multi_label:
            raise ValueError(
                "Thresholds belong to a task with many labels. Received: one that decides between "
                "classes. Make it with multi_label=True, or leave the thresholds."
            )
        inputs, targets = self._inputs_and_targets(examples, y)
        thresholds = best_thresholds(self.probabilities(inputs, batch_size), targets)
        self.head.thresholds.assign(thresholds)
        return dict(zip(self.preprocessor.labels.names, map(float, thresholds), strict=True))

    def _inputs_and_targets(self, examples, y) -> tuple[list, np.ndarray]:
        preprocessor = self._required_preprocessor("this")
        inputs, targets = [], []
        for raw, label in preprocessor.examples(examples, y).ragged_batch(1024):
            inputs += list(raw.numpy())
            targets.append(preprocessor.encode(raw, label)[1].numpy())
        return inputs, np.concatenate(targets)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return super().get_config() | {
            "encoder": serialize(self.encoder),
            "pooling": serialize(self.pooling),
        }
