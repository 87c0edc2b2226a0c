"""Where each head of each block looks: the attention of Transformers, layer by layer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from matplotlib.figure import Figure

from seqzoo.explain.figures import readable_labels, save
from seqzoo.explain.panels import Group, Panel, draw_panels
from seqzoo.explain.task_inputs import block_stacks, read_input
from seqzoo.ops.attention import attention_hook

_TITLES = {
    "encoder": "self-attention of the encoder: each row reads from the columns",
    "decoder": "self-attention of the decoder: each row reads from the columns",
    "cross": "attention of the decoder to the source: each row reads from the columns",
}


class AttentionWeights(NamedTuple):
    """The attention of a stack of blocks on one input.

    Attributes:
        weights: Float array `(layers, heads, T, S)`: with which weight query t of a head reads
            from step s. A row sums to 1.
        blocks: The numbers of these layers among all blocks of the stack, from 0 on.
        queries: T readable tokens, those at which a block reads.
        keys: S readable tokens, those that it reads from.
    """

    weights: np.ndarray
    blocks: list[int]
    queries: list[str]
    keys: list[str]


def attention_weights(task: Any, example: Any) -> dict[str, AttentionWeights]:
    """Measures the attention of every head of every block on one input.

    The task reads the input whole, as in an evaluation; of a decoder this is teacher forcing, with
    the start token first.

    Args:
        task: A `Classifier`, `Tagger`, `SentenceEncoder`, `Seq2Seq`, `LanguageModel` or
            `MaskedLanguageModel` with blocks in which self- or cross-attention stands.
        example: A text; of a `Tagger` a list of tokens too; of a `Seq2Seq` a pair of source and
            target too: for a source alone, the target is what the task answers.

    Returns:
        By name: `"encoder"` and `"decoder"`, the self-attention of the encoder and of the decoder,
        which is that of a language model; `"cross"`, how the decoder reads from the source. What
        a task has not is left out. Heads that a layer has not, where layers differ, are NaN.

    Raises:
        ValueError: if no block attends, the task reads no text, or the text has no token or too
            many.
    Reference: Vaswani et al., 2017, figures 3 to 5, https://arxiv.org/abs/1706.03762

    Example:
        >>> words = sz.preprocessing.WordTokenizer()
        >>> words.adapt(["the cat sat"])
        >>> gpt = sz.zoo.radford_2019(words, units=8, layers=2, num_heads=4)
        >>> attention = sz.explain.attention_weights(gpt, "the cat")["decoder"]
        >>> attention.weights.shape, attention.queries
        ((2, 4, 3, 3), ['<end>', 'the', 'cat'])
    """
    stacks = block_stacks(task)
    if not any(stack.attends or stack.blocks[0].cross_attention for stack in stacks.values()):
        raise ValueError(
            "The weights of heads need blocks with attention. Received: a "
            f"{type(task).__name__} without any. Draw `state_norms` of it, or build it with blocks "
            "such as those of `zoo.radford_2019` or `zoo.vaswani_2017`."
        )
    inputs = read_input(task, example)
    seen = defaultdict(list)

    def see(owner, weights):
        dtype = keras.backend.result_type(weights.dtype, "float32")
        seen[id(owner)].append(np.asarray(keras.ops.cast(weights, dtype))[0])

    with attention_hook(see):
        inputs.run[list(inputs.run)[-1]]()  # a decoder runs its encoder too
    found = {}
    for part in sorted(stacks, key=("encoder", "decoder").index):
        tokens, blocks = inputs.tokens[part], stacks[part].blocks
        found[part] = _stacked([b.mixer for b in blocks], seen, tokens, tokens)
        if part == "decoder" and "encoder" in inputs.tokens:
            readers = [block.cross_attention for block in blocks]
            found["cross"] = _stacked(readers, seen, tokens, inputs.tokens["encoder"])
    return {name: each for name, each in found.items() if each is not None}


def _stacked(layers: list, seen: Mapping, queries: list, keys: list) -> AttentionWeights | None:
    """Stacks what the layers of blocks were seen to read; None where none attends."""
    blocks = [i for i, layer in enumerate(layers) if seen.get(id(layer))]
    if not blocks:
        return None
    each = [seen[id(layers[i])].pop(0) for i in blocks]
    heads = max(len(weights) for weights in each)
    stacked = np.full((len(each), heads, *each[0].shape[1:]), np.nan, each[0].dtype)
    for weights, row in zip(each, stacked, strict=True):
        row[: len(weights)] = weights
    return AttentionWeights(stacked, blocks, queries, keys)


def plot_attention_weights(
    attention: Mapping[str, AttentionWeights], path: str | Path | None = None
) -> Figure:
    """Draws the weights of all heads: a row of maps for each layer, a column for each head.

    In each map the tokens that read stand from top to bottom and those they read from from left
    to right; dark is a large weight.

    Args:
        attention: Of `attention_weights`, or some of it.
        path: File to write, such as "heads.png"; None writes none.

    Returns:
        The figure, which is no part of pyplot's state.

    Example, of the first two layers alone:

        attention = attention_weights(gpt, "the cat")["decoder"]
        plot_attention_weights({"decoder": attention._replace(weights=attention.weights[:2])})
    """
    if not attention:
        raise ValueError("There must be some attention to draw. Received: none.")
    sides = [side for each in attention.values() for side in (each.queries, each.keys)]
    flat, families = readable_labels([token for side in sides for token in side], 16)
    labels = iter(flat)
    panels = []
    for name, each in attention.items():
        rows, columns = ([next(labels) for _ in side] for side in (each.queries, each.keys))
        layers, heads = each.weights.shape[:2]
        values = np.moveaxis(each.weights, 1, 2)  # (layers, T, heads, S)
        panels.append(
            Panel(
                values.reshape(layers * len(rows), heads * len(columns)),
                [Group(f"layer {i + 1}", rows) for i in each.blocks[:layers]],
                [Group(f"head {i + 1}", columns) for i in range(heads)],
                _TITLES.get(name, name),
                "weight",
            )
        )
    figure = draw_panels(panels, families)
    if path is not None:
        save(figure, path)
    return figure
