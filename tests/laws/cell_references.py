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


def peephole_lstm(weights, x, states):
    h, c = states
    kernel, recurrent, bias, (p_i, p_f, p_o) = weights
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=-1)
    new_c = sigmoid(f + p_f * c) * c + sigmoid(i + p_i * c) * np.tanh(g)
    return [sigmoid(o + p_o * new_c) * np.tanh(new_c), new_c]


def coupled_lstm(weights, x, states):
    h, c = states
    kernel, recurrent, bias = weights
    f, g, o = np.split(x @ kernel + h @ recurrent + bias, 3, axis=-1)
    c = c + (1 - sigmoid(f)) * (np.tanh(g) - c)
    return [sigmoid(o) * np.tanh(c), c]


def projected_lstm(weights, x, states):
    kernel, recurrent, bias, projection = weights
    unprojected, c = lstm((kernel, recurrent, bias), x, states)
    return [unprojected @ projection, c]


def normalized(x):
    return (x - np.mean(x)) / np.sqrt(np.mean((x - np.mean(x)) ** 2) + 1e-5)


def layer_norm_lstm(weights, x, states):
    h, c = states
    kernel, recurrent, bias, x_gain, h_gain, c_gain, c_bias = weights
    gates = x_gain * normalized(x @ kernel) + h_gain * normalized(h @ recurrent) + bias
    i, f, g, o = np.split(gates, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c_gain * normalized(c) + c_bias), c]


def layer_norm_gru(weights, x, states):
    (h,) = states
    units = len(h)
    kernel, recurrent, bias, x_gain, h_gain = weights
    b_z, b_r, b_g, d = np.split(bias, 4)
    two = slice(2 * units)
    gates = x_gain[two] * normalized(x @ kernel[:, two])
    gates += h_gain[two] * normalized(h @ recurrent[:, two])
    z, r = sigmoid(gates[:units] + b_z), sigmoid(gates[units:] + b_r)
    last = slice(2 * units, None)
    of_x = x_gain[last] * normalized(x @ kernel[:, last]) + b_g
    of_h = h_gain[last] * normalized(h @ recurrent[:, last]) + d
    return [z * h + (1 - z) * np.tanh(of_x + r * of_h)]


def indrnn(weights, x, states):
    kernel, recurrent, bias = weights
    return [np.maximum(x @ kernel + recurrent * states[0] + bias, 0)]


def positive(x):
    return np.where(x >= 0, x + 0.5, sigmoid(x))


def min_gru(weights, x, states):
    kernel, bias = weights
    z, g = np.split(x @ kernel + bias, 2, axis=-1)
    return [(1 - sigmoid(z)) * states[0] + sigmoid(z) * positive(g)]


def min_lstm(weights, x, states):
    kernel, bias = weights
    f, i, g = np.split(x @ kernel + bias, 3, axis=-1)
    f, i = sigmoid(f), sigmoid(i)
    return [(f * states[0] + i * positive(g)) / (f + i)]


def lru(weights, x, states):
    """In complex numbers. C is laid out as Re C over -Im C, as y is real."""
    kernel, nu_log, theta_log, gamma_log, c = weights
    n = len(nu_log)
    b = kernel[:, :n] + 1j * kernel[:, n : 2 * n]
    decay = np.exp(-np.exp(nu_log) + 1j * np.exp(theta_log))
    h = decay * (states[1] + 1j * states[2]) + np.exp(gamma_log) * (x @ b)
    y = np.real(h @ (c[:n] - 1j * c[n:])) + x @ kernel[:, 2 * n :]
    return [y, h.real, h.imag]


def rg_lru(weights, x, states):
    kernel, bias, decay_logit = weights
    r, i, u = np.split(x @ kernel + bias, 3, axis=-1)
    a = sigmoid(-decay_logit) ** (8 * sigmoid(r))
    return [a * states[0] + np.sqrt(1 - a**2) * sigmoid(i) * u]


REFERENCES = {
    "simple": simple,
    "lstm": lstm,
    "gru": gru,
    "gru_reset_before": gru_reset_before,
    "peephole_lstm": peephole_lstm,
    "coupled_lstm": coupled_lstm,
    "projected_lstm": projected_lstm,
    "layer_norm_lstm": layer_norm_lstm,
    "layer_norm_gru": layer_norm_gru,
    "indrnn": indrnn,
    "min_gru": min_gru,
    "min_lstm": min_lstm,
    "lru": lru,
    "rg_lru": rg_lru,
}


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
