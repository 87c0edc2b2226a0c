"""What a request to a served model may set for each of its inputs: the signature `with_options`."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.search import BeamSearch, Rows, Sample


def option_specs(task: Any, search: Any) -> dict[str, tf.TensorSpec]:
    """Returns the inputs `(B,)` that a served search takes beside the raw ones.

    `prefix` is a text that the answer begins with, "" for none; it counts up to its first token
    that is not known. The others are as in `search.Rows`: `max_length`, and `min_length` and
    `alpha` of a beam, `seed` and `temperature` of samples; -1 leaves a length to the search, NaN
    `alpha` and `temperature`.
    """
    kinds = {"max_length": tf.int32}
    if hasattr(task.preprocessor, "target"):
        kinds["prefix"] = tf.string
    if isinstance(search, BeamSearch):
        kinds |= {"min_length": tf.int32, "alpha": tf.float32}
    if isinstance(search, Sample):
        kinds |= {"seed": tf.int32, "temperature": tf.float32}
    return {name: tf.TensorSpec([None], kind, name=name) for name, kind in kinds.items()}


def rows_of(task: Any, options: dict[str, tf.Tensor]) -> Rows:
    """Returns what a search is told, in the graph, of what a request has set."""
    options = dict(options)
    prefix, seeds = options.pop("prefix", None), options.pop("seed", None)
    ids = None if prefix is None else _known_prefix(task.preprocessor.target, prefix)
    return Rows(prefix_ids=ids, seeds=seeds, **options)


def _known_prefix(tokenizer: Tokenizer, texts: tf.Tensor) -> tf.Tensor:
    """Returns ids `(B, P)`, -1 from the first token on that is not known."""
    ids = tokenizer.tokenize(texts).to_tensor(-1)
    unknown = tf.cast(ids == Tokenizer.unknown_id, tf.int32)
    return tf.where(tf.cumsum(unknown, axis=1) > 0, -1, ids)
