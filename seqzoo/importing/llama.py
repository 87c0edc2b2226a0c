"""LLaMA 1 to 3: causal blocks with rotary positions, RMS norms and gated feed-forwards."""

from __future__ import annotations

from typing import Any

from seqzoo.encoders.blocks import BlockEncoder
from seqzoo.importing.bert import ACTIVATIONS, PUBLISHED_ACTIVATIONS
from seqzoo.importing.language_models import language_model, token_rows
from seqzoo.importing.model_folder import ModelConfig
from seqzoo.importing.tokenizer_files import language_tokenizer
from seqzoo.importing.weight_table import Row, joined, same, transposed
from seqzoo.layers.feed_forward import FeedForward
from seqzoo.layers.make_blocks import make_blocks
from seqzoo.layers.positions import RotaryPositions
from seqzoo.tasks.language_model import LanguageModel

IGNORED = r"lm_head\.weight|model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq"

tokenizer = language_tokenizer


def make(config: ModelConfig, tokenizer: Any) -> LanguageModel:
    """Makes the task that a config describes."""
    config.require("mlp_bias", False, False)
    config.require("attention_bias", False, False)
    units, num_heads = config.count("hidden_size"), config.count("num_attention_heads")
    kv_heads = config.count("num_key_value_heads", num_heads)
    if num_heads % kv_heads:
        raise config.error("num_key_value_heads", f"a divisor of {num_heads} attention heads")
    if config.get("head_dim") is None:
        config.heads("hidden_size", "num_attention_heads")
    head_units = config.count("head_dim", units // num_heads)
    blocks = make_blocks(
        units,
        config.count("num_hidden_layers"),
        num_heads=num_heads,
        causal=True,
        feed_forward=FeedForward(
            config.count("intermediate_size"),
            config.among("hidden_act", ACTIVATIONS, "silu"),
            gated=True,
            use_bias=False,
        ),
        norm="rms",
        use_bias=False,
        attention_dropout=config.share("attention_dropout"),
        epsilon=config.number("rms_norm_eps", 1e-6),
        mixer_options={"attention": {"num_kv_heads": kv_heads, "head_units": head_units}},
    )
    encoder = BlockEncoder(tokenizer.vocabulary_size, units, blocks, _positions(config))
    return language_model(
        encoder,
        tokenizer,
        config.count("max_position_embeddings", 2048),
        config.flag("tie_word_embeddings", False),
    )


def _positions(config: ModelConfig) -> RotaryPositions:
    """Returns the positions; configs have their scaling in two forms, an old one and a new one."""
    name = "rope_parameters" if config.get("rope_parameters") else "rope_scaling"
    given = config.get(name, {})
    if not isinstance(given, dict):
        raise config.error(name, "an object")
    own = ModelConfig(f"`{name}` in {config.path}", given)
    kind = own.get("rope_type", own.get("type", "default"))
    base = own.number("rope_theta", config.get("rope_theta", 10000.0))
    own.require("partial_rotary_factor", 1.0, 1.0)
    if kind == "default":
        return RotaryPositions(base)
    if kind == "linear":
        return RotaryPositions(base, scaling="linear", factor=own.number("factor"))
    if kind != "llama3":
        raise config.error(name, "of the type default, linear or llama3")
    return RotaryPositions(
        base,
        scaling="llama3",
        factor=own.number("factor"),
        original_length=own.count("original_max_position_embeddings"),
        low_turns=own.number("low_freq_factor"),
        high_turns=own.number("high_freq_factor"),
    )


def table(task: LanguageModel, config: ModelConfig, tokenizer: Any) -> list[Row]:
    """Returns which tensors each weight is made of."""
    stack = task.encoder.stack
    rows = token_rows(task, "model.embed_tokens.weight", "lm_head.weight", tokenizer)
    rows.append(same(stack.last_norm.gain, "model.norm.weight"))
    for i, block in enumerate(stack.blocks):
        at, mixer = f"model.layers.{i}", block.mixer
        parts = [f"{at}.self_attn.{part}_proj.weight" for part in "qkv"]
        heads = (mixer.num_heads, mixer.shared_heads, mixer.shared_heads)
        both = [f"{at}.mlp.{part}_proj.weight" for part in ("gate", "up")]
        rows += [
            same(block.mixer_norm.gain, f"{at}.input_layernorm.weight"),
            joined(mixer.kernel, parts, [count * mixer.units for count in heads]),
            transposed(mixer.output_kernel, f"{at}.self_attn.o_proj.weight"),
            same(block.feed_norm.gain, f"{at}.post_attention_layernorm.weight"),
            joined(block.feed_forward.kernel, both),
            transposed(block.feed_forward.output_kernel, f"{at}.mlp.down_proj.weight"),
        ]
    return rows


def config_of(task: Any) -> dict[str, Any]:
    """Returns the config of a task."""
    stack = task.encoder.stack
    block, positions = stack.blocks[0], stack.positions
    rotary = {"rope_type": positions.scaling or "default", "rope_theta": positions.base}
    if positions.scaling is not None:
        rotary["factor"] = positions.factor
    if positions.scaling == "llama3":
        rotary |= {
            "original_max_position_embeddings": positions.original_length,
            "low_freq_factor": positions.low_turns,
            "high_freq_factor": positions.high_turns,
        }
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": task.encoder.embedding_dim,
        "num_hidden_layers": len(stack.blocks),
        "num_attention_heads": block.mixer.num_heads,
        "num_key_value_heads": block.mixer.shared_heads,
        "head_dim": block.mixer.units,
        "intermediate_size": block.feed_forward.output_kernel.shape[0],
        "hidden_act": PUBLISHED_ACTIVATIONS[block.feed_forward.activation],
        "max_position_embeddings": task.preprocessor.window_length,
        "rms_norm_eps": block.epsilon,
        "rope_parameters": rotary,
        "attention_dropout": block.mixer.dropout,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": task.tie_embeddings,
    }
