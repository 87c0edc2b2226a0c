"""Attention layers, one file for each score."""

from collections.abc import Callable

from seqzoo.layers.attention.additive import AdditiveAttention
from seqzoo.layers.attention.attention import Attention, Memory
from seqzoo.layers.attention.concat import ConcatAttention
from seqzoo.layers.attention.dot import DotAttention
from seqzoo.layers.attention.general import GeneralAttention
from seqzoo.ops.names import check_known

ATTENTIONS: dict[str, Callable[..., Attention]] = {
    "additive": AdditiveAttention,
    "concat": ConcatAttention,
    "dot": lambda units, **options: DotAttention(**options),
    "general": lambda units, **options: GeneralAttention(**options),
    "scaled_dot": lambda units, **options: DotAttention(scaled=True, **options),
}
"""Makers of attention layers of some units, by the name that decoders and builders take."""


def make_attention(attention: str, units: int, **options) -> Attention:
    """Returns a new attention layer of the kind that `ATTENTIONS` holds under that name."""
    check_known("attention", attention, ATTENTIONS)
    return ATTENTIONS[attention](units, **options)


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
