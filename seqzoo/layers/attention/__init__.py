"""Attention layers, one file for each score."""

from collections.abc import Callable

from seqzoo.layers.attention.additive import AdditiveAttention
from seqzoo.layers.attention.attention import Attention, Memory
from seqzoo.layers.attention.concat import ConcatAttention
from seqzoo.layers.attention.dot import DotAttention
from seqzoo.layers.attention.general import GeneralAttention
from seqzoo.ops.names import check_known

ATTENTIONS: dict[str, Callable[[int], Attention]] = {
    "additive": AdditiveAttention,
    "concat": ConcatAttention,
    "dot": lambda units: DotAttention(),
    "general": lambda units: GeneralAttention(),
    "scaled_dot": lambda units: DotAttention(scaled=True),
}
"""Makers of attention layers of some units, by the name that decoders and builders take."""


def make_attention(attention: str, units: int) -> Attention:
    """Returns a new attention layer of the kind that `ATTENTIONS` holds under that name."""
    check_known("attention", attention, ATTENTIONS)
    return ATTENTIONS[attention](units)


__all__ = [
    "ATTENTIONS",
    "AdditiveAttention",
    "Attention",
    "ConcatAttention",
    "DotAttention",
    "GeneralAttention",
    "Memory",
    "make_attention",
]
