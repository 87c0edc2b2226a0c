"""Which options of a recurrent decoder there are, and which exclude each other."""

from typing import Any

from seqzoo.decoders.bridge import BRIDGES
from seqzoo.ops.option_names import check_known

READOUTS = ("tanh", "maxout", "none")


def check_options(decoder: Any) -> None:
    """Raises ValueError for options that are unknown or exclude each other."""
    check_known("attend_from", decoder.attend_from, ("previous", "current"))
    check_known("bridge", decoder.bridge, BRIDGES)
    check_known("readout", decoder.readout, READOUTS)
    if decoder.layers < 1:
        raise ValueError(f"`layers` must be at least 1. Received: layers={decoder.layers}.")
    if decoder.readout == "maxout" and decoder.units < 2:
        raise ValueError(
            f"A maxout readout needs at least 2 units. Received: units={decoder.units}."
        )
    if decoder.attention is not None and decoder.readout == "none":
        raise ValueError("Attention needs a readout. Set `readout` to 'tanh' or 'maxout'.")
    current = decoder.attention is not None and decoder.attend_from == "current"
    if decoder.input_feeding and not (current and decoder.readout == "tanh"):
        raise ValueError(
            "`input_feeding` needs attention, attend_from='current' and readout='tanh'. "
            f"Received: attention={decoder.attention!r}, attend_from={decoder.attend_from!r}, "
            f"readout={decoder.readout!r}."
        )
