"""The Keras metric of keys that sound together."""

import keras

from seqzoo.metrics.tokens import TokenMean


@keras.saving.register_keras_serializable(package="seqzoo")
class KeyF1(TokenMean):
    """F1 of the keys that are predicted to sound, all together, from 0 to 1.

    It is twice the keys that are predicted and sound, over those predicted and those that sound.
    `update_state` takes these two sums, scalars.

    Example:
        >>> metric = sz.metrics.KeyF1()
        >>> metric.update_state(2 * 3.0, 4.0 + 4.0)  # 3 of 4 predicted keys are among 4 that sound
        >>> float(metric.result())
        0.75
    """

    def __init__(self, name: str = "key_f1", dtype: str | None = None):
        super().__init__(name=name, dtype=dtype)
