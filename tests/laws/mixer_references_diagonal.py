"""Mixers whose state moves value by value, and those that run a cell, in NumPy, step by step."""

import cell_references
import numpy as np
from cell_references import positive, sigmoid

from seqzoo.layers.cells import CELLS


def weights_of(mixer):
    return {w.name: np.asarray(w.numpy() if hasattr(w, "numpy") else w) for w in mixer.weights}


def convolved(x, weights):
    """Each channel is summed over its own and the steps before, weighed by the kernel's rows."""
    kernel = weights["convolution_kernel"]
    padded = np.concatenate([np.zeros((len(kernel) - 1, x.shape[1])), x])
    sums = [np.sum(padded[t : t + len(kernel)] * kernel, axis=0) for t in range(len(x))]
    return np.array(sums) + weights.get("convolution_bias", 0.0)


def recurrent(mixer, inputs):
    """The equations of the cell, for one row."""
    cell = mixer.recurrent.cell
    name = next(name for name, kind in CELLS.items() if type(cell) is kind)
    cell_weights = [np.asarray(w.numpy() if hasattr(w, "numpy") else w) for w in cell.weights]
    outputs, _ = cell_references.run(
        cell_references.REFERENCES[name],
        cell_weights,
        inputs[None],
        [np.zeros((1, size)) for size in cell.state_size],
        np.ones((1, len(inputs)), "bool"),
    )
    weights = weights_of(mixer)
    if "output_kernel" not in weights:
        return outputs[0]
    return outputs[0] @ weights["output_kernel"] + weights["output_bias"]


def min_gru(mixer, inputs):
    """Feng et al., 2024, section 3.1 and appendix B."""
    weights = weights_of(mixer)
    x, h, outputs = convolved(inputs, weights), 0.0, []
    for step in x:
        z, g = np.split(step @ weights["kernel"] + weights.get("bias", 0.0), 2)
        h = (1 - sigmoid(z)) * h + sigmoid(z) * positive(g)
        outputs.append(h @ weights["output_kernel"] + weights.get("output_bias", 0.0))
    return np.array(outputs)


REFERENCES = {
    "recurrent": recurrent,
    "recurrent, wider": recurrent,
    "min_gru": min_gru,
    "min_gru, wide": min_gru,
}
