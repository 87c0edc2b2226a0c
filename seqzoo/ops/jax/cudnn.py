"""cuDNN on JAX, for `ops.recurrence.plan`."""

import keras
from keras import ops
from keras.src import backend  # the functions that Keras's own layers call

# Below, the general loop is as quick on an H100 (256 to 2,048 units of 32 to 256 rows).
WIDE_UNITS = 768
MANY_VALUES = 2**17  # of a state


def may_run(kind, rows, units, dtype, mask):
    """Whether cuDNN is there and faster than the general loop.

    Keras has cuDNN's LSTM alone there, without a mask, and JAX wants float32. A small LSTM is
    faster without: XLA runs the loop with no launch of its own for each step.
    """
    large = isinstance(rows, int) and units >= WIDE_UNITS and rows * units >= MANY_VALUES
    accepted = kind == "lstm" and mask is None and dtype == "float32"
    return accepted and large and _has_gpu()


def _has_gpu():
    return keras.distribution.list_devices()[0].startswith("gpu")


def cudnn_or_general(kind, arguments, mask, reverse, general):
    """Runs an LSTM by cuDNN; arguments and results are those of the kernel for TensorFlow."""
    # What order `go_backwards` leaves the outputs in is not the same in every backend of Keras.
    inputs = arguments["inputs"]
    arguments = arguments | {"inputs": ops.flip(inputs, axis=1) if reverse else inputs}
    try:
        _, outputs, final = getattr(backend, kind)(
            mask=mask, return_sequences=True, go_backwards=False, **arguments
        )
    except NotImplementedError:  # what Keras raises for a call that cuDNN does not take
        return general()
    return ops.flip(outputs, axis=1) if reverse else outputs, list(final)
