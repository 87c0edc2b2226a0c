"""Forecasts that follow a series: one graph starts with a history, another takes an observation."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

_STATE = "state_history"


def stream_signatures(task: Any) -> dict[str, Any]:
    """Returns the two functions for a SavedModel, by name.

    `stream_start` takes what `serving_default` does, and returns beside its answer
    `state_history` `(B, lookback, C + P)`. `stream_step` takes that, `observation` `(B, C + P)`
    with NaN where missing, and `series` where `stream_start` does, and returns the same again. The
    answer is that to the whole history.

    Args:
        task: A `Forecaster` without known covariates, of which each step would need others.
    """
    preprocessor = task.preprocessor
    specs = preprocessor.raw_spec

    @tf.function(input_signature=[specs], autograph=False)
    def stream_start(raw):
        history = preprocessor.padded(raw["history"])
        return task.answer_raw(raw | {"history": history}) | {_STATE: history}

    width = preprocessor.value_count
    step_specs = {name: spec for name, spec in specs.items() if name != "history"} | {
        _STATE: tf.TensorSpec([None, preprocessor.lookback, width], tf.float32, name=_STATE),
        "observation": tf.TensorSpec([None, width], tf.float32, name="observation"),
    }

    @tf.function(input_signature=[step_specs], autograph=False)
    def stream_step(raw):
        state, observation = raw[_STATE], raw["observation"]
        history = tf.concat([state[:, 1:], observation[:, None]], axis=1)
        others = {name: raw[name] for name in specs if name != "history"}
        return task.answer_raw(others | {"history": history}) | {_STATE: history}

    return {"stream_start": stream_start, "stream_step": stream_step}
