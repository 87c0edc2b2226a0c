"""The base of the cells whose recurrence is linear."""

from typing import Any

import keras
from keras import ops

from seqzoo.layers.cells.cell import Cell
from seqzoo.ops.masks import hold_last_real
from seqzoo.ops.recurrence.complex_parts import Parts, product, total
from seqzoo.ops.recurrence.linear import linear_recurrence
from seqzoo.ops.recurrence.scan import Constants, Project, Projections, apply_projections


class LinearCell(Cell):
    """A cell whose hidden state moves, value by value, as h = decay * h + input term.

    Neither depends on h, so that they are known for all steps at once, and so is h
    (`ops.recurrence.linear`): a layer needs no loop over time. What else a cell does, it does to
    its inputs before or to h after.

    The hidden state is computed in float32 at least: a memory over thousands of steps needs decays
    nearer to 1 than half precision has them.

    Such a cell has no product by recurrent weights; the `recurrent_*` arguments of `Cell` have no
    effect.

    Shapes: decay and input term `(B, T, width)`, h `(B, width)`.

    Example:
        >>> isinstance(sz.layers.MinGRUCell(5), sz.layers.LinearCell)
        True
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

    def parallel(
        self, inputs: dict, state: list, projections: Projections, constants: Constants, reverse
    ) -> tuple[list, list]:
        """Returns what a loop over the steps would, without one.

        Args:
            inputs: What a step takes; see `layers.recurrent.loop`. Time comes first.
            state: The states before the first step, `(B, width)` each.
            projections: `projections()`.
            constants: Those of the loop.
            reverse: Whether time runs from the last step to the first.

        Returns:
            The states after each step, `(T, B, width)` each, and the last ones `(B, width)`.
        """
        projected, real = inputs["projected"], inputs.get("real")
        decay, input_term = self.coefficients(self.widen(projected), constants.weights)
        if real is not None:
            stay = (1.0, 0.0)  # a decay of 1 and an input of 0 leave a hidden state as it is
            decay = tuple(_where(real, x, value) for x, value in zip(decay, stay, strict=False))
            input_term = tuple(_where(real, x, 0.0) for x in input_term)
        if "starts" in inputs:  # a decay of 0 forgets what was before
            continues = ops.logical_not(inputs["starts"])
            decay = tuple(_where(continues, x, 0.0) for x in decay)
        first = tuple(self.widen(x) for x in self.hidden_of(state))
        hidden = linear_recurrence(decay, input_term, first, reverse)
        states = self.states_of(hidden, projected, apply_projections(projections))
        states = [self.cast(x) for x in states]
        if real is not None and not self.output_is_hidden:
            states[0] = hold_last_real(states[0], state[0], real, reverse)
        return states, [_last(x, old, reverse) for x, old in zip(states, state, strict=True)]

    def advance(self, projected, states, project, extra_weights):
        decay, input_term = self.coefficients(self.widen(projected), extra_weights)
        before = tuple(self.widen(state) for state in self.hidden_of(states))
        hidden = total(product(decay, before), input_term)
        return [self.cast(state) for state in self.states_of(hidden, projected, project)]


def _where(real: Any, x: Any, otherwise: float):
    return ops.where(real[..., None], x, ops.cast(otherwise, x.dtype))


def _last(states: Any, before: Any, reverse: bool):
    """Returns the state that was reached last, the one before the first step if there was none."""
    end = states[:1] if reverse else states[-1:]
    return ops.concatenate([before[None], end], axis=0)[-1]


def positive(x: Any) -> Any:
    """The candidate's activation of Feng et al., 2024: x + 0.5 from 0 on, sigmoid(x) below."""
    return ops.where(x >= 0, x + 0.5, ops.sigmoid(x))
