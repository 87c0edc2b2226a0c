"""Residual blocks that are alike but for their mixers."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from seqzoo.layers.attention.multi_head import MultiHeadAttention
from seqzoo.layers.block import Block
from seqzoo.layers.feed_forward import FeedForward
from seqzoo.layers.mixers import make_mixer
from seqzoo.layers.mixers.mixer import check_heads
from seqzoo.layers.normalization import NormKind
from seqzoo.ops.option_names import check_known


def make_blocks(
    units: int,
    layers: int = 6,
    mixers: str | Sequence[str] = "attention",
    num_heads: int = 8,
    causal: bool = False,
    cross_attention: bool = False,
    feed_forward: FeedForward | bool = True,
    norm: NormKind = "layer",
    norm_position: Literal["before", "after"] = "before",
    use_bias: bool = True,
    dropout: float = 0.0,
    attention_dropout: float = 0.0,
    stochastic_depth: float = 0.0,
    epsilon: float = 1e-5,
    mixer_options: Mapping[str, Mapping[str, Any]] | None = None,
    dtype: Any = None,
) -> list[Block]:
    """Makes the blocks of a stack, all alike but for their mixers.

    Args:
        units: Positive int, width of the inputs of all blocks.
        layers: Positive int.
        mixers: A name in `layers.mixers.MIXERS`, or several, which take turns.
        num_heads: Heads of attention.
        causal: Whether self-attention reads from the steps up to its own alone; recurrent mixers
            always do.
        cross_attention: Whether the blocks read from a source too.
        feed_forward: What the feed-forwards are like; True is `FeedForward()`, False leaves them
            out.
        norm: See `Block`.
        norm_position: See `Block`.
        use_bias: Whether the projections of attention add a bias.
        dropout: See `Block`.
        attention_dropout: From 0 to below 1: share of the weights of self-attention.
        stochastic_depth: Of the last block; it grows from block to block (Huang et al., 2016).
        epsilon: Of the norms.
        mixer_options: Options of mixers by their name, such as `{"attention": {"window": 128}}`.
        dtype: Dtype or policy of all layers.

    Raises:
        ValueError: for an unknown mixer, options of a mixer that is not among them, or fewer than
            one layer.

    Each block takes and returns `(B, T, features)`.

    Example:
        >>> blocks = sz.layers.make_blocks(64, layers=3, mixers=["mamba", "mamba", "attention"])
        >>> [type(block.mixer).__name__ for block in blocks]
        ['Mamba', 'Mamba', 'SelfAttention']
    """
    names = [mixers] if isinstance(mixers, str) else list(mixers)
    options = {name: dict(own) for name, own in (mixer_options or {}).items()}
    if layers < 1 or units < 1 or not names:
        raise ValueError(
            "Blocks need at least one layer, one unit and one mixer. Received: "
            f"layers={layers}, units={units}, mixers={mixers!r}."
        )
    for name in options:
        check_known("mixer_options", name, names)
    attention = {"num_heads": num_heads, "causal": causal, "use_bias": use_bias}
    options["attention"] = attention | {"dropout": attention_dropout} | options.get("attention", {})
    own = {"dtype": dtype}
    network = FeedForward() if feed_forward is True else feed_forward
    blocks = []
    for i in range(layers):
        name, cross = names[i % len(names)], None
        if cross_attention:
            check_heads(units, num_heads=num_heads)
            sizes = (num_heads, units // num_heads)
            cross = MultiHeadAttention(*sizes, use_bias=use_bias, output_units=units, **own)
        block = Block(
            make_mixer(name, **options.get(name, {}), **own),
            FeedForward(**network.get_config() | {"name": None} | own) if network else None,
            cross,
            norm,
            norm_position,
            dropout=dropout,
            stochastic_depth=stochastic_depth * (i + 1) / layers,
            epsilon=epsilon,
            **own,
        )
        blocks.append(block)
    return blocks
