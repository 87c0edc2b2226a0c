"""What is no model that can be read is refused in one line, which says what to do."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from seqzoo import importing

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def folder(tmp_path):
    def copied(family, **fields):
        path = shutil.copytree(GOLDEN / family, tmp_path / family)
        config = json.loads((path / "config.json").read_text()) | fields
        (path / "config.json").write_text(json.dumps(config))
        return path

    return copied


CONFIGS = [
    ("bert", {"model_type": "birt"}, "Unknown `model_type` 'birt'. Did you mean 'bert'"),
    ("bert", {"model_type": ["bert"]}, "model_type"),
    ("bert", {"hidden_size": "8"}, "`hidden_size` in .* must be a positive integer"),
    ("bert", {"num_attention_heads": 3}, "`num_attention_heads` .* a divisor of `hidden_size`, 8"),
    ("bert", {"vocab_size": 10**12}, "vocab.txt holds .* the model has 1000000000000"),
    ("bert", {"vocab_size": 20}, "vocab.txt holds .* tokens and the model has 20"),
    ("bert", {"num_hidden_layers": 10**9}, "more .* than the weights can fill"),
    ("bert", {"num_hidden_layers": 3}, "encoder.layer.2.* It is missing"),
    ("bert", {"num_hidden_layers": 1}, "hold bert.encoder.layer.1.*does not have"),
    ("bert", {"intermediate_size": 13}, r"intermediate.* must have the shape \(13, 8\)"),
    ("bert", {"max_position_embeddings": 10**12}, "more numbers than the weights can fill"),
    ("bert", {"position_embedding_type": "relative_key"}, "`position_embedding_type`"),
    ("bert", {"hidden_act": "mish"}, "Unknown `hidden_act` 'mish'"),
    ("gpt2", {"eos_token_id": 266}, "`eos_token_id` .* an id below the 266"),
    ("gpt2", {"eos_token_id": None}, "`eos_token_id` .* the id of a token"),
    ("gpt2", {"tie_word_embeddings": False}, "lm_head.weight .* missing"),
    ("llama3", {"rope_parameters": {"rope_type": "yarn"}}, "default, linear or llama3"),
    ("llama3", {"rope_parameters": {"rope_type": "linear"}}, "`factor` .* a positive number"),
    ("llama3", {"num_key_value_heads": 3}, "`num_key_value_heads` .* a divisor of 4"),
    ("mamba", {"use_conv_bias": False}, "`use_conv_bias` .* must be true"),
    ("bart", {"normalize_before": True}, "`normalize_before` .* must be false"),
    ("marian", {"decoder_start_token_id": None}, "`decoder_start_token_id`"),
    ("t5", {"feed_forward_proj": "gated-mish"}, "Unknown `feed_forward_proj`"),
]


@pytest.mark.parametrize(("family", "fields", "message"), CONFIGS)
def test_a_config_of_another_model_is_refused(folder, family, fields, message):
    with pytest.raises(ValueError, match=message):
        importing.load(folder(family, **fields))


def test_weights_that_are_pickled_are_refused(folder):
    path = folder("bert")
    (path / "model.safetensors").rename(path / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"is a pickle, which .* is not read\. Convert it"):
        importing.load(path)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "vocab.txt"])
def test_a_missing_file_is_named(folder, name):
    path = folder("bert")
    (path / name).unlink()
    with pytest.raises(OSError, match=name):
        importing.load(path)
    with pytest.raises(FileNotFoundError, match="no folder"):
        importing.load(path / "nowhere")


@pytest.mark.parametrize(
    ("family", "name"),
    [
        *(("bert", name) for name in ("model.safetensors", "config.json", "vocab.txt")),
        *(("gpt2", name) for name in ("vocab.json",)),
        *(("llama3", "tokenizer.json"), ("llama2", "tokenizer.model"), ("marian", "target.spm")),
    ],
)
def test_a_damaged_file_is_refused(folder, family, name):
    path = folder(family)
    whole = (path / name).read_bytes()
    for content in (b"", b"\xff" * 40, whole[: len(whole) // 2], b"[1]", b"{}"):
        (path / name).write_bytes(content)
        with pytest.raises((ValueError, OSError)):
            importing.load(path)


def test_parts_of_weights_are_read_as_one_file_is(folder):
    whole, path = importing.load(GOLDEN / "bert"), folder("bert")
    tensors = load_file(path / "model.safetensors")
    (path / "model.safetensors").unlink()
    names = sorted(tensors)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for name, some in parts.items():
        save_file({each: tensors[each] for each in some}, path / name)
    index = {each: name for name, some in parts.items() for each in some}
    file = path / "model.safetensors.index.json"
    file.write_text(json.dumps({"weight_map": index}))
    for one, other in zip(importing.load(path).weights, whole.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    (path / "b.safetensors").unlink()
    with pytest.raises(OSError, match=r"no b\.safetensors, which its index names"):
        importing.load(path)
    file.write_text(json.dumps({"weight_map": {"x": "../a.safetensors"}}))
    with pytest.raises(ValueError, match="a file of the folder"):
        importing.load(path)
