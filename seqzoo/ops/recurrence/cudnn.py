"""cuDNN's recurrences, as Keras calls them."""

from collections.abc import Callable
from typing import Any

import keras


def may_run(kind: str, rows: int | None, units: int, dtype: str, mask) -> bool:
    """Whether `run_cudnn` has anything to try: a GPU, and a call that is faster by cuDNN there.

    Args:
        kind: `"lstm"` or `"gru"`.
        rows: B, None where it is not known.
        units: Width of the states.
        dtype: That of the computation.
        mask: Boolean `(B, T)`, or None.
    """
    if keras.backend.backend() == "tensorflow":
        from seqzoo.ops.tensorflow import cudnn as tensorflow_cudnn

        return tensorflow_cudnn.may_run()
    if keras.backend.backend() == "jax":
        from seqzoo.ops.jax import cudnn as jax_cudnn

        return jax_cudnn.may_run(kind, rows, units, dtype, mask)
    return False


def run_cudnn(
    kind: str, arguments: dict[str, Any], mask, reverse: bool, general: Callable
) -> tuple[Any, list]:
    """Runs an LSTM or a GRU by cuDNN where it accepts the call, else by `general`.

    cuDNN needs a GPU, the usual activations and a bias. On TensorFlow it takes no mask but one that
    is padded on the right in every row and leaves no row empty, and cannot be compiled by XLA; what
    the mask is like is found when the step runs. On JAX it takes an LSTM in float32 without a mask.

    Args:
        kind: `"lstm"` or `"gru"`.
        arguments: What Keras's own function takes: `inputs` `(B, T, features)`, the initial
            states `(B, units)`, weights, activations.
        mask: Boolean `(B, T)`, or None.
        reverse: Whether to run from the last step to the first.
        general: Function of no arguments that gives the same results otherwise.

    Returns:
        The outputs of every step `(B, T, units)`, in the order of the inputs, and a list of the
        final states `(B, units)`.
    """
    if keras.backend.backend() == "tensorflow":
        from seqzoo.ops.tensorflow.cudnn import cudnn_or_general
    else:
        from seqzoo.ops.jax.cudnn import cudnn_or_general
    return cudnn_or_general(kind, arguments, mask, reverse, general)
