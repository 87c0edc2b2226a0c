"""The equations of the cells in NumPy, from the papers and in Keras's layout of the weights."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def simple(weights, x, states):
    (h,) = states
    kernel, recurrent, bias = weights
    return [np.tanh(x @ kernel + h @ recurrent + bias)]


def lstm(weights, x, states):
    h, c = states
    kernel, recurrent, bias = weights
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


def gru(weights, x, states):
    """The reset gate after the recurrent product, as in cuDNN."""
    (h,) = states
    kernel, recurrent, bias = weights
    x_z, x_r, x_g = np.split(x @ kernel + bias[0], 3, axis=-1)
    h_z, h_r, h_g = np.split(h @ recurrent + bias[1], 3, axis=-1)
    z = sigmoid(x_z + h_z)
    g = np.tanh(x_g + sigmoid(x_r + h_r) * h_g)
    return [z * h + (1 - z) * g]


def gru_reset_before(weights, x, states):
    """The reset gate before the recurrent product, as in Cho et al., 2014."""
    (h,) = states
    w_z, w_r, w_g = np.split(weights[0], 3, axis=1)
    u_z, u_r, u_g = np.split(weights[1], 3, axis=1)
    b_z, b_r, b_g = np.split(weights[2], 3)
    z, r = sigmoid(x @ w_z + h @ u_z + b_z), sigmoid(x @ w_r + h @ u_r + b_r)
    g = np.tanh(x @ w_g + (r * h) @ u_g + b_g)
    return [z * h + (1 - z) * g]


REFERENCES = {"simple": simple, "lstm": lstm, "gru": gru, "gru_reset_before": gru_reset_before}


def run(step, weights, inputs, states, mask, reverse=False):
    """Returns the outputs `(B, T, U)` and the final states; a masked step keeps the states."""
    batch, time = mask.shape
    outputs = np.zeros((batch, time, states[0].shape[1]))
    states = [state.copy() for state in states]
    for t in reversed(range(time)) if reverse else range(time):
        for row in range(batch):
            if mask[row, t]:
                new = step(weights, inputs[row, t], [state[row] for state in states])
                for state, value in zip(states, new, strict=True):
                    state[row] = value
            outputs[row, t] = states[0][row]
    return outputs, states
