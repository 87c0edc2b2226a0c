"""GPT-2: causal blocks with learned positions."""

from __future__ import annotations

from typing import Any

from seqzoo.encoders.blocks import BlockEncoder
from seqzoo.importing.bert import ACTIVATIONS, PUBLISHED_ACTIVATIONS, norm_rows
from seqzoo.importing.language_models import language_model, token_rows
from seqzoo.importing.model_folder import ModelConfig
from seqzoo.importing.tokenizer_files import language_tokenizer
from seqzoo.importing.weight_table import Row, same
from seqzoo.layers.feed_forward import FeedForward
from seqzoo.layers.make_blocks import make_blocks
from seqzoo.tasks.language_model import LanguageModel

IGNORED = r"lm_head\.weight|transformer\.h\.\d+\.attn\.(masked_)?bias"

tokenizer = language_tokenizer


def make(config: ModelConfig, tokenizer: Any) -> LanguageModel:
    """Makes the task that a config describes."""
    config.require("scale_attn_weights", True, True)
    config.require("scale_attn_by_inverse_layer_idx", False, False)
    config.require("add_cross_attention", False, False)
    units, positions = config.count("n_embd"), config.count("n_positions")
    blocks = make_blocks(
        units,
        config.count("n_layer"),
        num_heads=config.heads("n_embd", "n_head"),
        causal=True,
        feed_forward=FeedForward(
            config.count("n_inner", 4 * units),
            config.among("activation_function", ACTIVATIONS, "gelu_new"),
        ),
        dropout=config.share("resid_pdrop", 0.1),
        attention_dropout=config.share("attn_pdrop", 0.1),
        epsilon=config.number("layer_norm_epsilon", 1e-5),
    )
    encoder = BlockEncoder(
        tokenizer.vocabulary_size,
        units,
        blocks,
        "learned",
        max_length=positions,
        dropout=config.share("embd_pdrop", 0.1),
    )
    return language_model(encoder, tokenizer, positions, config.flag("tie_word_embeddings", True))


def table(task: LanguageModel, config: ModelConfig, tokenizer: Any) -> list[Row]:
    """Returns which tensors each weight is made of; kernels stand as ours do."""
    stack = task.encoder.stack
    rows = token_rows(task, "transformer.wte.weight", "lm_head.weight", tokenizer)
    rows += [
        same(stack.positions.table, "transformer.wpe.weight"),
        *norm_rows(stack.last_norm, "transformer.ln_f"),
    ]
    for i, block in enumerate(stack.blocks):
        at = f"transformer.h.{i}"
        rows += [
            *norm_rows(block.mixer_norm, f"{at}.ln_1"),
            same(block.mixer.kernel, f"{at}.attn.c_attn.weight"),
            same(block.mixer.bias, f"{at}.attn.c_attn.bias"),
            same(block.mixer.output_kernel, f"{at}.attn.c_proj.weight"),
            same(block.mixer.output_bias, f"{at}.attn.c_proj.bias"),
            *norm_rows(block.feed_norm, f"{at}.ln_2"),
            same(block.feed_forward.kernel, f"{at}.mlp.c_fc.weight"),
            same(block.feed_forward.bias, f"{at}.mlp.c_fc.bias"),
            same(block.feed_forward.output_kernel, f"{at}.mlp.c_proj.weight"),
            same(block.feed_forward.output_bias, f"{at}.mlp.c_proj.bias"),
        ]
    return rows


def config_of(task: Any) -> dict[str, Any]:
    """Returns the config of a task."""
    stack = task.encoder.stack
    block = stack.blocks[0]
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "n_embd": task.encoder.embedding_dim,
        "n_layer": len(stack.blocks),
        "n_head": block.mixer.num_heads,
        "n_inner": block.feed_forward.output_kernel.shape[0],
        "n_positions": stack.positions.max_length,
        "activation_function": PUBLISHED_ACTIVATIONS[block.feed_forward.activation],
        "layer_norm_epsilon": block.epsilon,
        "resid_pdrop": block.dropout,
        "attn_pdrop": block.mixer.dropout,
        "embd_pdrop": task.encoder.dropout,
        "tie_word_embeddings": task.tie_embeddings,
    }
