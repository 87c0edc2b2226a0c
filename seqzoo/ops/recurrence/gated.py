"""The recurrences of LSTM and GRU on tensors of your own, in Keras's layout of the weights.

`layers.LSTM` and `layers.GRU` run the same steps, and hold the weights.
"""

from keras import ops

from seqzoo.ops.affine import affine
from seqzoo.ops.masks import where_real
from seqzoo.ops.recurrence.plan import scan
from seqzoo.ops.recurrence.scan import Project


def lstm(x, kernel, recurrent_kernel, bias, mask=None, initial_state=None, reverse=False):
    """Runs a long short-term memory over a batch of sequences.

    Args:
        x: Float tensor `(B, T, features)`.
        kernel: Float tensor `(features, 4 * units)`: input gate, forget gate, candidate and output
            gate side by side.
        recurrent_kernel: Float tensor `(units, 4 * units)`.
        bias: Float tensor `(4 * units,)`, or None.
        mask: Boolean tensor `(B, T)`, True on real steps. At others a row keeps its state.
        initial_state: `[h, c]` `(B, units)` each, or None for zeros.
        reverse: Whether to run from the last step to the first. Outputs stay in the order of the
            inputs.

    Returns:
        `(outputs, [h, c])`: outputs `(B, T, units)`, h and c `(B, units)` after the last step that
        ran.

    Raises:
        ValueError: if the shapes of the weights do not go together.

    Example:
        >>> x, kernel = np.ones((2, 3, 4), "float32"), np.ones((4, 20), "float32")
        >>> outputs, (h, c) = sz.ops.recurrence.lstm(x, kernel, np.ones((5, 20), "float32"), None)
        >>> keras.ops.shape(outputs), keras.ops.shape(h)
        ((2, 3, 5), (2, 5))
    """
    _check(kernel, recurrent_kernel, bias, gates=4)
    projections = {"recurrent": (recurrent_kernel,)}
    bias = () if bias is None else (bias,)
    projected = affine(ops.transpose(x, (1, 0, 2)), kernel, *bias)  # (T, B, 4 * units)
    return _run(lstm_step, projected, projections, mask, initial_state, 2, reverse)


def gru(x, kernel, recurrent_kernel, bias, mask=None, initial_state=None, reverse=False):
    """Runs a gated recurrent unit over a batch of sequences.

    Args:
        x: Float tensor `(B, T, features)`.
        kernel: Float tensor `(features, 3 * units)`: update gate, reset gate and candidate side by
            side.
        recurrent_kernel: Float tensor `(units, 3 * units)`.
        bias: Float tensor `(2, 3 * units)`, of the inputs' share and of the state's, with the reset
            gate after the recurrent product, as in cuDNN; or `(3 * units,)` with the reset gate
            before it, as in Cho et al., 2014; or None, with the reset gate after it.
        mask: As for `lstm`.
        initial_state: `[h]` `(B, units)`, or None for zeros.
        reverse: As for `lstm`.

    Returns:
        `(outputs, [h])`: as for `lstm`.

    Raises:
        ValueError: if the shapes of the weights do not go together.

    Example:
        >>> x, kernel, recurrent_kernel = np.ones((2, 4, 3)), np.ones((3, 15)), np.ones((5, 15))
        >>> outputs, (h,) = sz.ops.recurrence.gru(x, kernel, recurrent_kernel, np.zeros((2, 15)))
        >>> tuple(outputs.shape), tuple(h.shape)
        ((2, 4, 5), (2, 5))
    """
    _check(kernel, recurrent_kernel, bias, gates=3)
    units = recurrent_kernel.shape[0]
    if bias is not None and len(bias.shape) == 1:
        gates, candidate = recurrent_kernel[:, : 2 * units], recurrent_kernel[:, 2 * units :]
        step, projections = gru_step_reset_before, {"gates": (gates,), "candidate": (candidate,)}
        own = (bias,)
    else:
        own, states = ((), ()) if bias is None else ((bias[0],), (bias[1],))
        step, projections = gru_step, {"recurrent": (recurrent_kernel, *states)}
    projected = affine(ops.transpose(x, (1, 0, 2)), kernel, *own)  # (T, B, 3 * units)
    return _run(step, projected, projections, mask, initial_state, 1, reverse)


def lstm_step(projected, states, project: Project, gate=ops.sigmoid, activate=ops.tanh) -> list:
    """Returns `[h, c]` after a step; `projected` `(B, 4 * units)` is the share of the inputs."""
    h, c = states
    return lstm_gates(projected + project("recurrent", h), c, gate, activate)


def lstm_gates(product, c, gate=ops.sigmoid, activate=ops.tanh) -> list:
    """Returns `[h, c]` after a step, from the sum of all products `(B, 4 * units)`."""
    i, f, g, o = ops.split(product, 4, axis=-1)
    c = gate(f) * c + gate(i) * activate(g)
    return [gate(o) * activate(c), c]


def gru_step(projected, states, project: Project, gate=ops.sigmoid, activate=ops.tanh) -> list:
    """Returns `[h]` after a step, the reset gate after the recurrent product."""
    (h,) = states
    x_z, x_r, x_g = ops.split(projected, 3, axis=-1)
    h_z, h_r, h_g = ops.split(project("recurrent", h), 3, axis=-1)
    z, r = gate(x_z + h_z), gate(x_r + h_r)
    return [z * h + (1 - z) * activate(x_g + r * h_g)]


def gru_gates(product, h, gate=ops.sigmoid, activate=ops.tanh) -> list:
    """Returns `[h]` after a step, from the product by `gru_kernel`, `(B, 4 * units)`."""
    z, r, x_g, h_g = ops.split(product, 4, axis=-1)
    z = gate(z)
    return [z * h + (1 - z) * activate(x_g + gate(r) * h_g)]


def summed_kernel(input_projection: tuple, recurrent: tuple):
    """Returns the kernel of `[x, 1, h]` for the sum of both products and of a bias, if any."""
    (kernel, *biases), (recurrent_kernel,) = input_projection, recurrent
    bias = biases[0] if biases else ops.zeros_like(kernel[0])
    return ops.concatenate([kernel, bias[None], recurrent_kernel], axis=0)


def gru_kernel(input_projection: tuple, recurrent: tuple):
    """Returns the kernel of `[x, 1, h]` for `z, r`, and `g` of the inputs and of the state apart.

    It has a block of zeros for each of the two: a third more to multiply, but fewer ops a step.
    """
    units = recurrent[0].shape[0]

    def padded(kernel, bias, of_inputs: bool):
        """Returns kernel and bias `(rows, 3 * units)` as `(rows, 4 * units)`."""
        bias = ops.zeros_like(kernel[0]) if bias is None else bias
        parts = []
        for x in (kernel, bias[None]):
            blank = ops.zeros_like(x[:, :units])
            gates, g = x[:, : 2 * units], x[:, 2 * units :]
            parts.append(ops.concatenate([gates, *((g, blank) if of_inputs else (blank, g))], -1))
        return parts

    kernel, bias = padded(*input_projection, *[None] * (2 - len(input_projection)), True)  # pyright: ignore[reportCallIssue]
    recurrent_kernel, recurrent_bias = padded(*recurrent, *[None] * (2 - len(recurrent)), False)  # pyright: ignore[reportCallIssue]
    return ops.concatenate([kernel, bias + recurrent_bias, recurrent_kernel], axis=0)


def gru_step_reset_before(
    projected, states, project: Project, gate=ops.sigmoid, activate=ops.tanh
) -> list:
    """Returns `[h]` after a step, the reset gate before the recurrent product."""
    (h,) = states
    x_z, x_r, x_g = ops.split(projected, 3, axis=-1)
    h_z, h_r = ops.split(project("gates", h), 2, axis=-1)
    z, r = gate(x_z + h_z), gate(x_r + h_r)
    return [z * h + (1 - z) * activate(x_g + project("candidate", r * h))]


def _run(step, projected, projections, mask, initial_state, states: int, reverse: bool):
    if initial_state is None:
        units = next(iter(projections.values()))[0].shape[0]
        zeros = ops.zeros((ops.shape(projected)[1], units), dtype=projected.dtype)
        initial_state = [zeros] * states
    inputs = {"projected": projected}
    if mask is not None:
        inputs["real"] = ops.transpose(ops.cast(mask, "bool"))

    def masked_step(inputs_t, state, constants, project):
        new = step(inputs_t["projected"], state, project)
        return where_real(inputs_t["real"], new, state) if "real" in inputs_t else new

    state = list(initial_state)
    requested = [True] + [False] * (states - 1)
    outputs, final = scan(
        masked_step, state, inputs, projections, reverse=reverse, requested=requested
    )
    return ops.transpose(outputs[0], (1, 0, 2)), final


def _check(kernel, recurrent_kernel, bias, gates: int) -> None:
    units, width = recurrent_kernel.shape[0], gates * recurrent_kernel.shape[0]
    legal = [(width,), (2, width)] if gates == 3 else [(width,)]
    shapes = kernel.shape[1], recurrent_kernel.shape[1], None if bias is None else tuple(bias.shape)
    if shapes[:2] != (width, width) or (bias is not None and shapes[2] not in legal):
        raise ValueError(
            f"`recurrent_kernel` has {units} rows, so with {gates} gates `kernel` and "
            f"`recurrent_kernel` must have {width} columns and `bias` one of the shapes {legal}. "
            f"Received: kernel {tuple(kernel.shape)}, recurrent_kernel "
            f"{tuple(recurrent_kernel.shape)}, bias {shapes[2]}."
        )
