"""Mamba: blocks of selective state spaces alone."""

from __future__ import annotations

from typing import Any

from seqzoo.encoders.blocks import BlockEncoder
from seqzoo.importing.language_models import language_model, token_rows
from seqzoo.importing.model_folder import ModelConfig
from seqzoo.importing.tokenizer_files import language_tokenizer
from seqzoo.importing.weight_table import Row, same, transposed
from seqzoo.layers.block import Block
from seqzoo.layers.mixers.mamba import Mamba
from seqzoo.tasks.language_model import LanguageModel

IGNORED = r"lm_head\.weight"

tokenizer = language_tokenizer


def make(config: ModelConfig, tokenizer: Any) -> LanguageModel:
    """Makes the task that a config describes."""
    config.require("hidden_act", "silu", "silu")
    config.require("use_bias", False, False)
    config.require("use_conv_bias", True, True)
    units, expansion = config.count("hidden_size"), config.count("expand", 2)
    rank = config.get("time_step_rank", "auto")
    options = {
        "expansion": expansion,
        "state_units": config.count("state_size", 16),
        "rank": None if rank == "auto" else config.count("time_step_rank"),
        "kernel_size": config.count("conv_kernel", 4),
    }
    epsilon = config.number("layer_norm_epsilon", 1e-5)
    blocks = [
        Block(Mamba(**options), norm="rms", epsilon=epsilon)
        for _ in range(config.count("num_hidden_layers"))
    ]
    encoder = BlockEncoder(tokenizer.vocabulary_size, units, blocks)
    tied = config.flag("tie_word_embeddings", True)
    return language_model(encoder, tokenizer, config.count("max_position_embeddings", 1024), tied)


def table(task: LanguageModel, config: ModelConfig, tokenizer: Any) -> list[Row]:
    """Returns which tensors each weight is made of."""
    stack = task.encoder.stack
    rows = token_rows(task, "backbone.embeddings.weight", "lm_head.weight", tokenizer)
    rows.append(same(stack.last_norm.gain, "backbone.norm_f.weight"))
    for i, block in enumerate(stack.blocks):
        at, mixer = f"backbone.layers.{i}", block.mixer
        rows += [
            same(block.mixer_norm.gain, f"{at}.norm.weight"),
            transposed(mixer.kernel, f"{at}.mixer.in_proj.weight"),
            _convolution(mixer.convolution_kernel, f"{at}.mixer.conv1d.weight"),
            same(mixer.convolution_bias, f"{at}.mixer.conv1d.bias"),
            transposed(mixer.selection_kernel, f"{at}.mixer.x_proj.weight"),
            transposed(mixer.step_kernel, f"{at}.mixer.dt_proj.weight"),
            same(mixer.step_bias, f"{at}.mixer.dt_proj.bias"),
            transposed(mixer.rate_logit, f"{at}.mixer.A_log"),
            same(mixer.skip, f"{at}.mixer.D"),
            transposed(mixer.output_kernel, f"{at}.mixer.out_proj.weight"),
        ]
    return rows


def _convolution(ours: Any, name: str) -> Row:
    """A kernel `(steps, channels)` of a tensor `(channels, 1, steps)`."""
    steps, channels = ours.shape
    return Row(ours, {name: (channels, 1, steps)}, lambda x: x[:, 0].T, lambda x: [x.T[:, None]])


def _whole(number: float) -> int:
    if number != int(number):
        raise ValueError(
            "A published Mamba has a whole `expand`. Received: a mixer with "
            f"expansion={number}. Save the task with `task.save_preset`."
        )
    return int(number)


def config_of(task: Any) -> dict[str, Any]:
    """Returns the config of a task."""
    stack = task.encoder.stack
    mixer = stack.blocks[0].mixer
    return {
        "architectures": ["MambaForCausalLM"],
        "model_type": "mamba",
        "hidden_size": task.encoder.embedding_dim,
        "num_hidden_layers": len(stack.blocks),
        "state_size": mixer.state_units,
        "expand": _whole(mixer.expansion),
        "intermediate_size": mixer.units,
        "time_step_rank": mixer.step_units,
        "conv_kernel": mixer.kernel_size,
        "layer_norm_epsilon": stack.blocks[0].epsilon,
        "hidden_act": "silu",
        "use_bias": False,
        "use_conv_bias": True,
        "tie_word_embeddings": task.tie_embeddings,
    }
