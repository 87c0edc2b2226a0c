"""The branch to cuDNN on JAX; see `ops.cudnn`."""

from keras import ops
from keras.src import backend  # the functions that Keras's own layers call

# Below, the general loop is as quick on an H100 (256 to 2,048 units of 32 to 256 rows).
WIDE_UNITS = 768
MANY_VALUES = 2**17  # of a state


def cudnn_or_general(arguments, mask, reverse, general):
    """`ops.cudnn.run_cudnn` on JAX. See there for arguments and results.

    Keras has cuDNN's LSTM alone there, without a mask, and JAX wants float32. Keras itself refuses
    a call where there is no GPU. A small LSTM is faster without: XLA runs the loop with no launch
    of its own for each step.
    """
    kind, arguments = arguments["kind"], {k: v for k, v in arguments.items() if k != "kind"}
    inputs, units = arguments.pop("inputs"), arguments["recurrent_kernel"].shape[0]
    large = units >= WIDE_UNITS and inputs.shape[0] * units >= MANY_VALUES
    if kind != "lstm" or mask is not None or inputs.dtype != "float32" or not large:
        return general()
    # What order `go_backwards` leaves the outputs in is not the same in every backend of Keras.
    inputs = ops.flip(inputs, axis=1) if reverse else inputs
    try:
        _, outputs, final = backend.lstm(
            inputs, mask=None, return_sequences=True, go_backwards=False, **arguments
        )
    except NotImplementedError:  # what Keras raises for a call that cuDNN does not take
        return general()
    return ops.flip(outputs, axis=1) if reverse else outputs, list(final)
