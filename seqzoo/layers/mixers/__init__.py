"""Sequence mixers, one file each: what may stand in a residual block."""

from seqzoo.layers.mixers.gated_delta import GatedDelta
from seqzoo.layers.mixers.gated_linear_attention import GatedLinearAttention
from seqzoo.layers.mixers.griffin import GriffinRecurrence
from seqzoo.layers.mixers.mamba import Mamba
from seqzoo.layers.mixers.mamba2 import Mamba2
from seqzoo.layers.mixers.min_gru import MinGRU
from seqzoo.layers.mixers.mixer import SequenceMixer
from seqzoo.layers.mixers.mlstm import MLSTM
from seqzoo.layers.mixers.recurrent import RecurrentMixer
from seqzoo.layers.mixers.retention import Retention
from seqzoo.layers.mixers.rwkv7 import RWKV7
from seqzoo.layers.mixers.self_attention import SelfAttention
from seqzoo.layers.mixers.slstm import SLSTM
from seqzoo.layers.mixers.ttt import TTTMLP, TTTLinear
from seqzoo.ops.option_names import check_known

MIXERS: dict[str, type[SequenceMixer]] = {
    "attention": SelfAttention,
    "recurrent": RecurrentMixer,
    "mamba": Mamba,
    "slstm": SLSTM,
    "rg_lru": GriffinRecurrence,
    "min_gru": MinGRU,
    "gated_delta": GatedDelta,
    "gated_linear": GatedLinearAttention,
    "mamba2": Mamba2,
    "mlstm": MLSTM,
    "retention": Retention,
    "rwkv7": RWKV7,
    "ttt_linear": TTTLinear,
    "ttt_mlp": TTTMLP,
}
"""The mixers by the name that blocks, stacks and builders take."""


def make_mixer(mixer: str, **options) -> SequenceMixer:
    """Returns a new mixer of the kind that `MIXERS` holds under that name."""
    check_known("mixer", mixer, MIXERS)
    return MIXERS[mixer](**options)


__all__ = [
    "GatedDelta",
    "GatedLinearAttention",
    "MIXERS",
    "MLSTM",
    "GriffinRecurrence",
    "Mamba",
    "Mamba2",
    "MinGRU",
    "RecurrentMixer",
    "RWKV7",
    "Retention",
    "SelfAttention",
    "SequenceMixer",
    "TTTLinear",
    "TTTMLP",
    "SLSTM",
    "make_mixer",
]
