"""BART and Marian, which have the same names: encoder-decoders with norms after each part."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqzoo.decoders.blocks import BlockDecoder
from seqzoo.encoders.blocks import BlockEncoder
from seqzoo.heads.tokens import Tokens
from seqzoo.importing.bert import ACTIVATIONS, PUBLISHED_ACTIVATIONS, norm_rows
from seqzoo.importing.model_folder import ModelConfig, ModelFolder
from seqzoo.importing.tokenizer_files import byte_pairs, sentence_pieces
from seqzoo.importing.weight_table import Row, joined, logit_bias, same, transposed, vocabulary
from seqzoo.layers.feed_forward import FeedForward
from seqzoo.layers.make_blocks import make_blocks
from seqzoo.preprocessing.pairs import TextPairs
from seqzoo.tasks.seq2seq import Seq2Seq

IGNORED = r"lm_head\.weight|model\.(en|de)coder\.embed_(tokens|positions)\.weight"

_SKIPPED = 2  # rows of BART's position tables ahead of the first position


def tokenizer(folder: ModelFolder) -> Any:
    """Returns the tokenizers of source and target, one and the same for BART."""
    config = folder.config
    pad, start = config.required_id("pad_token_id"), config.required_id("decoder_start_token_id")
    special = [pad, None, start, config.required_id("eos_token_id")]
    if config.get("model_type") == "marian":
        return tuple(
            sentence_pieces(folder, f"{side}.spm", special, "vocab.json")
            for side in ("source", "target")
        )
    begin = config.required_id("bos_token_id")
    return (byte_pairs(folder, special, [begin]),) * 2


def make(config: ModelConfig, tokenizer: Any) -> Seq2Seq:
    """Makes the task that a config describes."""
    is_marian = config.get("model_type") == "marian"
    for name, value in (
        ("normalize_before", False),
        ("add_final_layer_norm", False),
        ("add_bias_logits", False),
        ("normalize_embedding", not is_marian),
        ("static_position_embeddings", is_marian),
        ("share_encoder_decoder_embeddings", True),
        ("tie_word_embeddings", True),
    ):
        config.require(name, value, value)
    units, (source, target) = config.count("d_model"), tokenizer
    dropout = config.share("dropout", 0.1)
    positions = config.count("max_position_embeddings")
    sides = {
        "positions": "sinusoidal" if is_marian else "learned",
        "max_length": positions,
        "scale_embeddings": config.flag("scale_embedding"),
        "embedding_norm": not is_marian,
        "dropout": dropout,
    }

    def blocks(side: str, **options: Any) -> list:
        return make_blocks(
            units,
            config.count(f"{side}_layers"),
            num_heads=config.heads("d_model", f"{side}_attention_heads"),
            feed_forward=FeedForward(
                config.count(f"{side}_ffn_dim"),
                config.among("activation_function", ACTIVATIONS, "gelu"),
                dropout=config.share("activation_dropout"),
            ),
            norm_position="after",
            dropout=dropout,
            attention_dropout=config.share("attention_dropout"),
            **options,
        )

    decoder_blocks = blocks("decoder", causal=True, cross_attention=True)
    return Seq2Seq(
        BlockEncoder(source.vocabulary_size, units, blocks("encoder"), **sides),
        BlockDecoder(target.vocabulary_size, units, decoder_blocks, **sides),
        TextPairs(source, target, positions, positions),
        Tokens(target.vocabulary_size, impossible=impossible_tokens(target)),
        tie_embeddings=True,
        share_embeddings=True,
    )


def impossible_tokens(tokenizer: Any) -> list[int]:
    """Returns padding, start, and what the published model does not have."""
    always = {tokenizer.pad_id, tokenizer.start_id}
    return [own for own in range(4) if own in always or tokenizer.original_ids[own] < 0]


def table(task: Seq2Seq, config: ModelConfig, tokenizer: Any) -> list[Row]:
    """Returns which tensors each weight is made of."""
    target = tokenizer[1]
    shared = task.decoder.embedding.embeddings
    rows = [
        vocabulary(shared, "model.shared.weight", target),
        logit_bias(task.head.bias, "final_logits_bias", target),
    ]
    for side, part in (("encoder", task.encoder), ("decoder", task.decoder)):
        at, stack = f"model.{side}", part.stack
        if stack.first_norm is not None:
            table = stack.positions.table
            rows.append(_positions(table, f"{at}.embed_positions.weight"))
            rows += norm_rows(stack.first_norm, f"{at}.layernorm_embedding")
        for i, block in enumerate(stack.blocks):
            rows += _block_rows(block, f"{at}.layers.{i}")
    return rows


def _block_rows(block: Any, at: str) -> list[Row]:
    mixer, cross, feed = block.mixer, block.cross_attention, block.feed_forward
    parts = [f"{at}.self_attn.{part}_proj" for part in "qkv"]
    rows = [
        joined(mixer.kernel, [f"{part}.weight" for part in parts]),
        joined(mixer.bias, [f"{part}.bias" for part in parts]),
        transposed(mixer.output_kernel, f"{at}.self_attn.out_proj.weight"),
        same(mixer.output_bias, f"{at}.self_attn.out_proj.bias"),
        *norm_rows(block.mixer_norm, f"{at}.self_attn_layer_norm"),
        transposed(feed.kernel, f"{at}.fc1.weight"),
        same(feed.bias, f"{at}.fc1.bias"),
        transposed(feed.output_kernel, f"{at}.fc2.weight"),
        same(feed.output_bias, f"{at}.fc2.bias"),
        *norm_rows(block.feed_norm, f"{at}.final_layer_norm"),
    ]
    if cross is None:
        return rows
    names = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "out_proj"}
    for ours, theirs in names.items():
        own = f"{at}.encoder_attn.{theirs}"
        rows.append(transposed(getattr(cross, f"{ours}_kernel"), f"{own}.weight"))
        rows.append(same(getattr(cross, f"{ours}_bias"), f"{own}.bias"))
    return rows + norm_rows(block.cross_norm, f"{at}.encoder_attn_layer_norm")


def _positions(ours: Any, name: str) -> Row:
    """A table of positions, of one with rows ahead that nothing reads."""
    positions, width = ours.shape

    def write(rows):
        return [np.concatenate([np.zeros((_SKIPPED, width), np.float32), rows])]

    return Row(ours, {name: (positions + _SKIPPED, width)}, lambda x: x[_SKIPPED:], write)


def config_of(task: Any) -> dict[str, Any]:
    """Returns the config of a task."""
    encoder, decoder = task.encoder, task.decoder
    is_marian = encoder.stack.first_norm is None
    first = decoder.stack.blocks[0]
    config = {
        "architectures": ["MarianMTModel" if is_marian else "BartForConditionalGeneration"],
        "model_type": "marian" if is_marian else "bart",
        "d_model": encoder.embedding_dim,
        "activation_function": PUBLISHED_ACTIVATIONS[first.feed_forward.activation],
        "dropout": first.dropout,
        "attention_dropout": first.mixer.dropout,
        "activation_dropout": first.feed_forward.dropout,
        "scale_embedding": encoder.scale_embeddings,
        "max_position_embeddings": encoder.max_length,
        "is_encoder_decoder": True,
        "tie_word_embeddings": True,
        "share_encoder_decoder_embeddings": True,
        "forced_eos_token_id": None,
    }
    for side, part in (("encoder", encoder), ("decoder", decoder)):
        block = part.stack.blocks[0]
        config |= {
            f"{side}_layers": len(part.stack.blocks),
            f"{side}_attention_heads": block.mixer.num_heads,
            f"{side}_ffn_dim": block.feed_forward.output_kernel.shape[0],
        }
    return config
