"""T5, 1.0 and 1.1: an encoder-decoder with relative positions, RMS norms and no biases."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqzoo.decoders.blocks import BlockDecoder
from seqzoo.encoders.blocks import BlockEncoder
from seqzoo.heads.tokens import Tokens
from seqzoo.importing.bart import impossible_tokens
from seqzoo.importing.model_folder import ModelConfig, ModelFolder
from seqzoo.importing.tokenizer_files import sentence_pieces
from seqzoo.importing.weight_table import Row, joined, logit_kernel, same, transposed, vocabulary
from seqzoo.layers.attention.multi_head import MultiHeadAttention
from seqzoo.layers.block import Block
from seqzoo.layers.feed_forward import FeedForward
from seqzoo.layers.mixers.self_attention import SelfAttention
from seqzoo.layers.positions import RelativePositions
from seqzoo.preprocessing.pairs import TextPairs
from seqzoo.tasks.seq2seq import Seq2Seq

NETWORKS = {
    "relu": ("relu", False),
    "gated-gelu": ("gelu_tanh", True),
    "gated-silu": ("silu", True),
    "gated-relu": ("relu", True),
    "gelu": ("gelu", False),
}
"""Activation and gate of the feed-forwards, by their published name."""

EXTRA = [f"<extra_id_{i}>" for i in reversed(range(100))]
"""The tokens behind those of the SentencePiece model."""

IGNORED = (
    r"lm_head\.weight|(en|de)coder\.embed_tokens\.weight"
    r"|decoder\.block\.\d+\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight"
)

_MAX_LENGTH = 512  # tokens that the models were trained on


def tokenizer(folder: ModelFolder) -> Any:
    """Returns the tokenizer of both sides."""
    config = folder.config
    pad = config.required_id("pad_token_id")
    start = config.token_id("decoder_start_token_id")
    special = [pad, None, pad if start is None else start, config.required_id("eos_token_id")]
    return sentence_pieces(folder, "spiece.model", special, extra=EXTRA)


def make(config: ModelConfig, tokenizer: Any) -> Seq2Seq:
    """Makes the task that a config describes."""
    units, heads, width = config.count("d_model"), config.count("num_heads"), config.count("d_kv")
    activation, gated = config.among("feed_forward_proj", NETWORKS, "relu")
    epsilon, dropout = config.number("layer_norm_epsilon", 1e-6), config.share("dropout_rate", 0.1)
    vocabulary_size = tokenizer.vocabulary_size

    def block(causal: bool) -> Block:
        own = {"use_bias": False, "scale": 1.0}
        return Block(
            SelfAttention(heads, head_units=width, causal=causal, dropout=dropout, **own),
            FeedForward(config.count("d_ff"), activation, gated, False, dropout),
            MultiHeadAttention(heads, width, output_units=units, **own) if causal else None,
            norm="rms",
            dropout=dropout,
            epsilon=epsilon,
        )

    def positions(both_ways: bool) -> RelativePositions:
        buckets = config.count("relative_attention_num_buckets", 32)
        distance = config.count("relative_attention_max_distance", 128)
        return RelativePositions(heads, buckets, distance, both_ways)

    layers = config.count("num_layers")
    encoder_blocks = [block(causal=False) for _ in range(layers)]
    decoder_blocks = [block(causal=True) for _ in range(config.count("num_decoder_layers", layers))]
    return Seq2Seq(
        BlockEncoder(vocabulary_size, units, encoder_blocks, positions(True), dropout=dropout),
        BlockDecoder(vocabulary_size, units, decoder_blocks, positions(False), dropout=dropout),
        TextPairs(tokenizer, tokenizer, _MAX_LENGTH, _MAX_LENGTH),
        Tokens(vocabulary_size, impossible=impossible_tokens(tokenizer), use_bias=False),
        tie_embeddings="lm_head.weight" not in config.tensors,
        share_embeddings=True,
    )


def table(task: Seq2Seq, config: ModelConfig, tokenizer: Any) -> list[Row]:
    """Returns which tensors each weight is made of."""
    rows = [vocabulary(task.decoder.embedding.embeddings, "shared.weight", tokenizer)]
    if not task.tie_embeddings:
        rows.append(logit_kernel(task.head.kernel, "lm_head.weight", tokenizer))
    is_scaled = config.flag("scale_decoder_outputs", config.flag("tie_word_embeddings", True))
    for side, part in (("encoder", task.encoder), ("decoder", task.decoder)):
        at, stack = f"{side}.block", part.stack
        first = f"{at}.0.layer.0.SelfAttention.relative_attention_bias.weight"
        rows.append(same(stack.positions.table, first))
        factor = task.decoder.hidden_size**-0.5 if side == "decoder" and is_scaled else 1.0
        rows.append(_scaled(stack.last_norm.gain, f"{side}.final_layer_norm.weight", factor))
        for i, block in enumerate(stack.blocks):
            rows += _block_rows(block, f"{at}.{i}.layer")
    return rows


def _block_rows(block: Any, at: str) -> list[Row]:
    mixer, cross, feed = block.mixer, block.cross_attention, block.feed_forward
    own, last = f"{at}.0.SelfAttention", 1 if cross is None else 2
    inner = ["wi_0", "wi_1"] if feed.gated else ["wi"]
    network = f"{at}.{last}.DenseReluDense"
    rows = [
        same(block.mixer_norm.gain, f"{at}.0.layer_norm.weight"),
        joined(mixer.kernel, [f"{own}.{part}.weight" for part in "qkv"]),
        transposed(mixer.output_kernel, f"{own}.o.weight"),
        same(block.feed_norm.gain, f"{at}.{last}.layer_norm.weight"),
        joined(feed.kernel, [f"{network}.{name}.weight" for name in inner]),
        transposed(feed.output_kernel, f"{network}.wo.weight"),
    ]
    if cross is None:
        return rows
    rows.append(same(block.cross_norm.gain, f"{at}.1.layer_norm.weight"))
    for name in ("query", "key", "value", "output"):
        kernel = getattr(cross, f"{name}_kernel")
        rows.append(transposed(kernel, f"{at}.1.EncDecAttention.{name[0]}.weight"))
    return rows


def _scaled(ours: Any, name: str, factor: float) -> Row:
    """A gain that holds the factor by which a published model multiplies what follows."""
    number = np.float32(factor)
    return Row(ours, {name: tuple(ours.shape)}, lambda x: x * number, lambda x: [x / number])


def config_of(task: Any) -> dict[str, Any]:
    """Returns the config of a task."""
    encoder, decoder = task.encoder, task.decoder
    block, positions = encoder.stack.blocks[0], encoder.stack.positions
    feed = block.feed_forward
    names = {network: name for name, network in NETWORKS.items()}
    return {
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        "d_model": encoder.embedding_dim,
        "d_kv": block.mixer.units,
        "d_ff": feed.output_kernel.shape[0],
        "num_heads": block.mixer.num_heads,
        "num_layers": len(encoder.stack.blocks),
        "num_decoder_layers": len(decoder.stack.blocks),
        "feed_forward_proj": names[feed.activation, feed.gated],
        "relative_attention_num_buckets": positions.buckets,
        "relative_attention_max_distance": positions.max_distance,
        "layer_norm_epsilon": block.epsilon,
        "dropout_rate": block.dropout,
        "is_encoder_decoder": True,
        "tie_word_embeddings": task.tie_embeddings,
        "scale_decoder_outputs": task.tie_embeddings,
    }
