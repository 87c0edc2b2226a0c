"""Loops of recurrent layers run whole, or in pieces that are run again for the gradient."""

from collections.abc import Callable
from typing import Any

from seqzoo.layers.recurrent.loop import Loop
from seqzoo.ops.recurrence.checkpointing import scan_in_pieces
from seqzoo.ops.recurrence.scan import scan_is_hooked

Run = Callable[[list[Loop], Any], tuple]
"""`run(loops, state) -> (states, final)`: what `scan` returns, of the loops given."""


def run_loops(
    run: Run,
    loops: list[Loop],
    state: Any,
    checkpoint_steps: int | None,
    put_out: Callable[[Any], Any],
    reverse: bool = False,
) -> tuple:
    """Runs loops over the same steps, in pieces of `checkpoint_steps` of them unless that is None.

    A piece holds the products of its inputs too, so that neither they nor anything else that is
    wide is there for all steps at once. Noise was drawn with the loops, and is the same when a
    piece is run again. Where someone looks at the loops, such as `explain.gradient_flow`, they run
    whole.

    Args:
        run: See `Run`.
        loops: From `make_loop`.
        state: What `run` takes.
        checkpoint_steps: See `Recurrent`.
        put_out: Picks the outputs from a state, or from the states of all steps.
        reverse: Whether `run` runs from the last step to the first.

    Returns:
        `(outputs, final)`: see `ops.recurrence.checkpointing.scan_in_pieces`.
    """
    if checkpoint_steps is None or scan_is_hooked():
        states, final = run(loops, state)
        return put_out(states), final

    def piece(state, inputs, weights):
        parts = zip(loops, inputs, weights, strict=True)
        return run([loop._replace(inputs=x, **given) for loop, x, given in parts], state)

    inputs = [loop.inputs for loop in loops]
    names = ("input_projection", "projections", "constants")
    weights = [{name: getattr(loop, name) for name in names} for loop in loops]
    return scan_in_pieces(piece, state, inputs, weights, checkpoint_steps, put_out, reverse)
