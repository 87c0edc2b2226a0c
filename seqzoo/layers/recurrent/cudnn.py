"""Which calls of recurrent layers cuDNN may run."""

from collections.abc import Callable
from typing import Any

from seqzoo.layers.cells import Cell, GRUCell, LSTMCell
from seqzoo.layers.recurrent.loop import LoopOptions
from seqzoo.ops.recurrence.cudnn import may_run, run_cudnn
from seqzoo.ops.recurrence.scan import scan_is_hooked

_KINDS = {LSTMCell: "lstm", GRUCell: "gru"}  # these alone, not what derives from them


def is_for_cudnn(cell: Cell, inputs, mask, options: LoopOptions, training, segment_ids) -> bool:
    """Whether cuDNN is asked to run a cell over inputs `(B, T, features)`.

    Not within `scan_hook`, as nothing sees into cuDNN's loop.
    """
    in_parts = options.gradient_steps or options.checkpoint_steps or segment_ids is not None
    random = options.dropout or options.recurrent_dropout or options.weight_drop
    if options.zoneout or in_parts or (training and random) or scan_is_hooked():
        return False
    kind = _KINDS.get(type(cell))
    return kind is not None and may_run(kind, inputs.shape[0], cell.units, cell.compute_dtype, mask)


def cudnn_or_general(
    cell: Cell, inputs, mask, state: list, reverse: bool, general: Callable
) -> tuple[Any, list]:
    """Runs a cell that `is_for_cudnn` by cuDNN where it accepts the call, else by `general`.

    Returns:
        The outputs of every step `(B, T, units)`, in the order of the inputs, and the final
        states.
    """
    kind = _KINDS[type(cell)]
    weights = {name: getattr(cell, name) for name in ("kernel", "recurrent_kernel", "bias")}
    if isinstance(cell, GRUCell):
        own = {"initial_state": state[0], "reset_after": cell.reset_after}
    else:
        own = {"initial_state_h": state[0], "initial_state_c": state[1]}
    arguments = {
        "inputs": cell.cast(inputs),
        **{name: None if w is None else cell.cast(w) for name, w in weights.items()},
        "activation": cell.activation,
        "recurrent_activation": cell.recurrent_activation,
        **own,
    }
    return run_cudnn(kind, arguments, mask, reverse, general)
