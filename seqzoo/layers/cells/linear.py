"""The base of the cells whose recurrence is linear."""

from typing import Any

import keras
from keras import ops

from seqzoo.layers.cells.cell import Cell
from seqzoo.ops.recurrence.complex_parts import Parts, product, total
from seqzoo.ops.recurrence.scan import Project


class LinearCell(Cell):
    """A cell whose hidden state moves, value by value, as h = decay * h + input term.

    Neither depends on h, so that they are known for all steps at once, and so is h
    (`ops.recurrence.linear`): a layer needs no loop over time. What else a cell does, it does to
    its inputs before or to h after.

    The hidden state is computed in float32 at least: a memory over thousands of steps needs decays
    nearer to 1 than half precision has them.

    Such a cell has no product by recurrent weights; the `recurrent_*` arguments of `Cell` have no
    effect.
    """

    has_recurrent_projections = False

    output_is_hidden = True
    """Whether the states are the hidden ones alone. Where they are not, the first state is made
    from them, and the rest are they.
    """

    def projections(self):
        return {}

    def widen(self, value: Any) -> Any:
        """Returns a tensor or weight in the dtype that the hidden state is computed in."""
        return ops.cast(value, keras.backend.result_type(self.compute_dtype, "float32"))

    def coefficients(self, projected: Any, extra_weights: dict) -> tuple[Parts, Parts]:
        """Returns `(decay, input_term)`, tensors `(..., N)`: `(real,)` or `(real, imaginary)` each.

        Args:
            projected: `widen(project_inputs(inputs))`, `(..., width)`.
            extra_weights: `extra_weights()`.
        """
        raise NotImplementedError

    def hidden_of(self, states: list) -> Parts:
        """Returns the hidden ones of the states."""
        return tuple(states if self.output_is_hidden else states[1:])

    def states_of(self, hidden: Parts, projected: Any, project: Project) -> list:
        """Returns all states `(..., width)`, the output first.

        Args:
            hidden: `(..., N)` each.
            projected: `project_inputs(inputs)`, `(..., width)`.
            project: As in `advance`.
        """
        return list(hidden)

    def advance(self, projected, states, project, extra_weights):
        decay, input_term = self.coefficients(self.widen(projected), extra_weights)
        before = tuple(self.widen(state) for state in self.hidden_of(states))
        hidden = total(product(decay, before), input_term)
        return [self.cast(state) for state in self.states_of(hidden, projected, project)]


def positive(x: Any) -> Any:
    """The candidate's activation of Feng et al., 2024: x + 0.5 from 0 on, sigmoid(x) below."""
    return ops.where(x >= 0, x + 0.5, ops.sigmoid(x))
