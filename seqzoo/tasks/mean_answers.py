"""Several classifiers or taggers that answer as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from seqzoo.heads.classes import Classes
from seqzoo.heads.tags import Tags
from seqzoo.tasks.answering import AnsweringTask
from seqzoo.tasks.classifier import Classifier
from seqzoo.tasks.tagger import Tagger

_SMALLEST = 1e-30  # of probabilities whose logarithm is taken


class _MeanAnswers(AnsweringTask):
    """What an ensemble of classifiers and one of taggers have in common."""

    members: list[Any]

    def fit(self, *args, **kwargs):
        """Raises an error: the members are trained one by one."""
        raise ValueError("An ensemble is not trained as one. Call `fit` of its members.")

    def _mean(self, shares: list[Any]) -> Any:
        return sum(ops.cast(each, "float32") for each in shares) / len(shares)

    def get_config(self):
        members = [keras.saving.serialize_keras_object(member) for member in self.members]
        for member in members:
            member.pop("compile_config", None)  # they are not trained any more
        return {"name": self.name, "dtype": self.dtype_policy.name, "members": members}

    @classmethod
    def from_config(cls, config):
        members = [keras.saving.deserialize_keras_object(each) for each in config["members"]]
        return cls(**{**config, "members": members})


@keras.saving.register_keras_serializable(package="seqzoo")
class ClassifierEnsemble(_MeanAnswers, Classifier):
    """Trained classifiers that answer as one, by the mean of their probabilities, in one graph.

    Members that differ in nothing but their seed are often better together than any of them.

    Args:
        members: At least one trained `Classifier`, with equal preprocessors. The one of the first
            is used.

    Call arguments:
        x: What the members take.

    Returns:
        Logits of the mean `(B, class_count)`.

    Raises:
        ValueError: if there is no member, or they do not fit.

    Example:
        >>> text = sz.preprocessing.LabelledText(sz.preprocessing.ByteTokenizer(), ["bad", "good"])
        >>> members = [sz.zoo.kim_2014(text, filters=4) for _ in range(2)]
        >>> one, other = (member.probabilities(["a film"]) for member in members)
        >>> both = sz.ClassifierEnsemble(members).probabilities(["a film"])
        >>> bool(np.allclose(both, (one + other) / 2, atol=1e-6))
        True
    """

    def __init__(self, members: Sequence[Classifier], **kwargs):
        members = _checked(members, Classifier)
        first = members[0]
        head = Classes.from_config(first.head.get_config())
        super(Classifier, self).__init__(head, first.preprocessor, **kwargs)
        head.build((None, 1))  # its temperature and thresholds; its kernel is not used
        self.members, self.built = members, True

    def call(self, x, training=False):
        mean = self._mean([each.head.readout(each(x)) for each in self.members])
        log = ops.log(ops.maximum(mean, _SMALLEST))
        if not self.head.multi_label:
            return log
        return log - ops.log(ops.maximum(1 - mean, _SMALLEST))


@keras.saving.register_keras_serializable(package="seqzoo")
class TaggerEnsemble(_MeanAnswers, Tagger):
    """Trained taggers that answer as one, by the mean of their probabilities, in one graph.

    The answer is the best sequence by the mean probability of each tag at each step, with no pair
    that the first member forbids.

    Args:
        members: At least one trained `Tagger`, with equal preprocessors. The one of the first is
            used.

    Call arguments:
        x: What the members take.

    Returns:
        Logarithms of the mean `(B, T, tag_count)`; of rows of several sentences
        `(B, G, L, tag_count)`.

    Raises:
        ValueError: if there is no member, or they do not fit.

    Example:
        >>> residues = sz.preprocessing.TaggedResidues(["C", "H"])
        >>> encoder = sz.encoders.TextCNN(None, residues.width, windows=(3,), filters=4)
        >>> members = [sz.Tagger(None, encoder, residues)] * 2
        >>> sz.TaggerEnsemble(members).marginals(["MKV"])[0].shape
        (3, 2)
    """

    def __init__(self, members: Sequence[Tagger], **kwargs):
        members = _checked(members, Tagger)
        first = members[0]
        head = Tags.from_config({**first.head.get_config(), "crf": False})
        super(Tagger, self).__init__(head, first.preprocessor, **kwargs)
        head.build((None, None, 1))  # for the pairs of tags; its kernel is not used
        self.members, self.built = members, True

    def call(self, x, training=False):
        return ops.log(
            ops.maximum(self._mean([_tags(each, x) for each in self.members]), _SMALLEST)
        )


def _tags(member: Tagger, x: Any) -> Any:
    """The probabilities of the tags of a member, in the shape of what it returns."""
    outputs = member(x)
    if "steps" not in x:
        return member.head.readout(outputs, x.get("mask"))
    shape = tf.shape(outputs)  # (B, G, L, C)
    mask = tf.reshape(x["steps"] >= 0, [-1, shape[2]])
    rows = tf.reshape(outputs, [-1, shape[2], shape[3]])
    return tf.reshape(member.head.readout(rows, mask), shape)


def _checked(members: Sequence[Any], kind: type) -> list[Any]:
    members = list(members)
    if not members:
        raise ValueError("`members` must hold at least one trained task. Received: none.")
    for index, member in enumerate(members):
        if not isinstance(member, kind):
            raise ValueError(
                f"The members of this ensemble must be of {kind.__name__}. Received: member "
                f"{index} is a {type(member).__name__}."
            )
        if _reading(member) != _reading(members[0]):
            raise ValueError(
                "The members of an ensemble must read and answer alike. Received: the "
                f"preprocessor of member {index} differs from that of member 0. Train them with "
                "the same one."
            )
    return members


def _reading(member: Any) -> Any:
    return keras.saving.serialize_keras_object(member.preprocessor)
