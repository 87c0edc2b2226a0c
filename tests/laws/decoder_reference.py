"""The equations of the recurrent decoder in NumPy, one row and one token at a time."""

import attention_references
import cell_references
import numpy as np


def first_states(decoder, states):
    """Returns the states of each cell; `states` are the encoder's of one row, layer by layer."""
    if decoder.bridge == "copy":
        return [list(layer) for layer in states]
    if decoder.bridge == "zero":
        return [[np.zeros(size) for size in cell.state_size] for cell in decoder.cells]
    top = states[-1][0]
    return [
        [np.tanh(top @ dense.kernel + dense.bias) for dense in layer]
        for layer in decoder.cross.maps
    ]


def readout(decoder, top, context, embedded):
    if decoder.readout == "none":
        return top
    parts = [top] if context is None else [top, context]
    parts += [embedded] if decoder.readout == "maxout" else []
    linear = np.concatenate(parts) @ decoder.readout_kernel + decoder.readout_bias
    return np.tanh(linear) if decoder.readout == "tanh" else linear.reshape(-1, 2).max(axis=1)


def hidden_states(decoder, tokens, encoded):
    """Returns the hidden states `(T, hidden)` and the attention's weights, a list of `(S,)`."""
    step, table = cell_references.REFERENCES[decoder.cell], np.asarray(decoder.embedding.embeddings)
    cells = first_states(decoder, encoded.state)
    if getattr(decoder, "takes_first_input", False):
        x = encoded.state[-1][0] @ decoder.first_input.kernel + decoder.first_input.bias
        for i, cell in enumerate(decoder.cells):
            cells[i] = step(cell.get_weights(), np.asarray(x), cells[i])
            x = cells[i][0]
    hidden, alignments, result = [], [], np.zeros(decoder.units)
    attention_state = None

    def read(query):
        nonlocal attention_state
        attend = attention_references.REFERENCES[decoder.attention]
        context, weights, attention_state = attend(
            decoder.attend, query, encoded.outputs, encoded.mask, encoded.mask, attention_state
        )
        alignments.append(weights)
        if getattr(decoder, "gate_context", False):
            return context / (1 + np.exp(-(query @ decoder.gate.kernel + decoder.gate.bias)))
        return context

    for token in tokens:
        embedded = x = table[token]
        context = None
        if decoder.attention and decoder.attend_from == "previous":
            context = read(cells[-1][0])
            x = np.concatenate([x, context])
        if decoder.input_feeding:
            x = np.concatenate([x, result])
        for i, cell in enumerate(decoder.cells):
            cells[i] = step(cell.get_weights(), x, cells[i])
            x = cells[i][0]
        if decoder.attention and decoder.attend_from == "current":
            context = read(x)
        result = readout(decoder, x, context, embedded)
        hidden.append(result)
    return np.stack(hidden), alignments
