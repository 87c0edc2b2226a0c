"""Attention layers, one file for each score."""

from collections.abc import Callable

from seqzoo.layers.attention.additive import AdditiveAttention
from seqzoo.layers.attention.attention import Attention, Memory
from seqzoo.layers.attention.concat import ConcatAttention
from seqzoo.layers.attention.coverage import CoverageAttention
from seqzoo.layers.attention.dot import DotAttention
from seqzoo.layers.attention.general import GeneralAttention
from seqzoo.layers.attention.location import LocationSensitiveAttention
from seqzoo.layers.attention.monotonic import MonotonicAttention, MonotonicChunkwiseAttention
from seqzoo.layers.attention.multi_head import MultiHeadAttention
from seqzoo.layers.attention.self_attention_pooling import SelfAttentionPooling
from seqzoo.ops.option_names import check_known


def _multi_head(units: int, num_heads: int = 4, **options) -> MultiHeadAttention:
    """Makes heads that are together `units` wide, or a little more where that is no multiple."""
    return MultiHeadAttention(num_heads, -(-units // num_heads), **options)


ATTENTIONS: dict[str, Callable[..., Attention]] = {
    "additive": AdditiveAttention,
    "concat": ConcatAttention,
    "coverage": CoverageAttention,
    "dot": lambda units, **options: DotAttention(**options),
    "general": lambda units, **options: GeneralAttention(**options),
    "location": LocationSensitiveAttention,
    "mocha": MonotonicChunkwiseAttention,
    "monotonic": MonotonicAttention,
    "multi_head": _multi_head,
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
    "CoverageAttention",
    "DotAttention",
    "GeneralAttention",
    "LocationSensitiveAttention",
    "Memory",
    "MonotonicAttention",
    "MonotonicChunkwiseAttention",
    "MultiHeadAttention",
    "SelfAttentionPooling",
    "make_attention",
]
