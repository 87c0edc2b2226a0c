"""BERT: an encoder of texts."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqzoo.encoders.blocks import BlockEncoder
from seqzoo.importing.model_folder import ModelConfig, ModelFolder
from seqzoo.importing.tokenizer_files import word_pieces
from seqzoo.importing.weight_table import Row, joined, same, transposed, vocabulary
from seqzoo.layers.feed_forward import FeedForward
from seqzoo.layers.make_blocks import make_blocks
from seqzoo.preprocessing.labelled_text import LabelledText
from seqzoo.tasks.sentence_encoder import SentenceEncoder

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
"""Activations here by their published name."""

PUBLISHED_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_tanh": "gelu_new",
    "relu": "relu",
    "silu": "silu",
}

IGNORED = r"bert\.pooler\..*|cls\..*|classifier\..*|bert\.embeddings\.position_ids"


def tokenizer(folder: ModelFolder) -> Any:
    """Returns the tokenizer, which cuts texts to the positions of the model."""
    max_length = folder.config.count("max_position_embeddings")
    if folder.has("sentence_bert_config.json"):
        of_sentences = folder.json("sentence_bert_config.json").get("max_seq_length")
        if isinstance(of_sentences, int) and of_sentences > 2:
            max_length = min(max_length, of_sentences)
    return word_pieces(folder, max_length)


def make(config: ModelConfig, tokenizer: Any) -> SentenceEncoder:
    """Makes the task that a config describes."""
    config.require("position_embedding_type", "absolute", "absolute")
    config.require("is_decoder", False, False)
    units = config.count("hidden_size")
    blocks = make_blocks(
        units,
        config.count("num_hidden_layers"),
        num_heads=config.heads("hidden_size", "num_attention_heads"),
        feed_forward=FeedForward(
            config.count("intermediate_size"), config.among("hidden_act", ACTIVATIONS, "gelu")
        ),
        norm_position="after",
        dropout=config.share("hidden_dropout_prob", 0.1),
        attention_dropout=config.share("attention_probs_dropout_prob", 0.1),
        epsilon=config.number("layer_norm_eps", 1e-12),
    )
    encoder = BlockEncoder(
        tokenizer.vocabulary_size,
        units,
        blocks,
        "learned",
        max_length=config.count("max_position_embeddings"),
        embedding_norm=True,
        dropout=config.share("hidden_dropout_prob", 0.1),
    )
    return SentenceEncoder(encoder, LabelledText(tokenizer))


def table(task: SentenceEncoder, config: ModelConfig, tokenizer: Any) -> list[Row]:
    """Returns which tensors each weight is made of."""
    encoder, at = task.encoder, "bert.embeddings"
    stack = encoder.stack
    rows = [
        vocabulary(encoder.embedding.embeddings, f"{at}.word_embeddings.weight", tokenizer),
        _positions(stack.positions.table, at, config.count("type_vocab_size", 2)),
        *norm_rows(stack.first_norm, f"{at}.LayerNorm"),
    ]
    for i, block in enumerate(stack.blocks):
        at = f"bert.encoder.layer.{i}"
        parts = [f"{at}.attention.self.{part}" for part in ("query", "key", "value")]
        rows += [
            joined(block.mixer.kernel, [f"{part}.weight" for part in parts]),
            joined(block.mixer.bias, [f"{part}.bias" for part in parts]),
            transposed(block.mixer.output_kernel, f"{at}.attention.output.dense.weight"),
            same(block.mixer.output_bias, f"{at}.attention.output.dense.bias"),
            *norm_rows(block.mixer_norm, f"{at}.attention.output.LayerNorm"),
            transposed(block.feed_forward.kernel, f"{at}.intermediate.dense.weight"),
            same(block.feed_forward.bias, f"{at}.intermediate.dense.bias"),
            transposed(block.feed_forward.output_kernel, f"{at}.output.dense.weight"),
            same(block.feed_forward.output_bias, f"{at}.output.dense.bias"),
            *norm_rows(block.feed_norm, f"{at}.output.LayerNorm"),
        ]
    return rows


def norm_rows(norm: Any, name: str) -> list[Row]:
    """Returns the rows of a layer norm."""
    return [same(norm.gain, f"{name}.weight"), same(norm.bias, f"{name}.bias")]


def _positions(ours: Any, at: str, types: int) -> Row:
    """The vectors of positions, with that of the first type of token, which all tokens have."""
    shape = tuple(ours.shape)
    theirs = {
        f"{at}.position_embeddings.weight": shape,
        f"{at}.token_type_embeddings.weight": (types, shape[1]),
    }
    return Row(
        ours,
        theirs,
        lambda positions, of_types: positions + of_types[0],
        lambda x: [x, np.zeros((types, shape[1]), np.float32)],
    )


def config_of(task: Any) -> dict[str, Any]:
    """Returns the config of a task."""
    stack = task.encoder.stack
    block = stack.blocks[0]
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": task.encoder.vocabulary_size,
        "hidden_size": task.encoder.embedding_dim,
        "num_hidden_layers": len(stack.blocks),
        "num_attention_heads": block.mixer.num_heads,
        "intermediate_size": block.feed_forward.output_kernel.shape[0],
        "hidden_act": PUBLISHED_ACTIVATIONS[block.feed_forward.activation],
        "max_position_embeddings": stack.positions.max_length,
        "type_vocab_size": 2,
        "layer_norm_eps": block.epsilon,
        "hidden_dropout_prob": block.dropout,
        "attention_probs_dropout_prob": block.mixer.dropout,
    }
