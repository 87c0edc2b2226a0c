"""The side of transformers and xlstm in `test_mixer_peers.py`, run by their Python.

`python mixer_peers_side.py FILE` writes an `.npz` of the mixers with random weights, by name: of
each `NAME/inputs`, `NAME/outputs` and `NAME/weights/…`, as the peer names them. It downloads
nothing.
"""

import sys

import numpy as np
import torch
from transformers.models.mamba.configuration_mamba import MambaConfig
from transformers.models.mamba.modeling_mamba import MambaMixer
from transformers.models.mamba2.configuration_mamba2 import Mamba2Config
from transformers.models.mamba2.modeling_mamba2 import Mamba2Mixer
from transformers.models.qwen3_next.configuration_qwen3_next import Qwen3NextConfig
from transformers.models.qwen3_next.modeling_qwen3_next import Qwen3NextGatedDeltaNet
from transformers.models.recurrent_gemma.configuration_recurrent_gemma import RecurrentGemmaConfig
from transformers.models.recurrent_gemma.modeling_recurrent_gemma import (
    RecurrentGemmaRecurrentBlock,
)

BATCH, TIME, FEATURES = 3, 9, 16


def mamba(inputs):
    config = MambaConfig(hidden_size=FEATURES, state_size=4, time_step_rank=3, use_bias=True)
    mixer = randomized(MambaMixer(config, layer_idx=0))
    return mixer, mixer(inputs)


def griffin(inputs):
    """No position is 0: at that one the peer does not scale the input, and forgets the state."""
    config = RecurrentGemmaConfig(
        hidden_size=FEATURES, lru_width=24, num_attention_heads=2, num_key_value_heads=1
    )
    block = randomized(RecurrentGemmaRecurrentBlock(config, layer_idx=0))
    positions = torch.arange(1, TIME + 1).expand(BATCH, TIME)
    return block, block(inputs, positions, None, use_cache=False)


def slstm(inputs):
    from xlstm.blocks.slstm.layer import sLSTMLayer, sLSTMLayerConfig

    config = sLSTMLayerConfig(
        embedding_dim=FEATURES, num_heads=2, backend="vanilla", dtype="float32"
    )
    layer = randomized(sLSTMLayer(config))
    return layer, layer(inputs)


def mlstm(inputs):
    from xlstm.blocks.mlstm.layer import mLSTMLayer, mLSTMLayerConfig

    config = mLSTMLayerConfig(
        embedding_dim=FEATURES, num_heads=2, context_length=TIME, round_proj_up_to_multiple_of=32
    )
    layer = randomized(mLSTMLayer(config))
    return layer, layer(inputs)


def mamba2(inputs):
    config = Mamba2Config(
        hidden_size=FEATURES, num_heads=2, head_dim=16, state_size=5, n_groups=1, chunk_size=4
    )
    mixer = randomized(Mamba2Mixer(config, layer_idx=0))
    return mixer, mixer(inputs)


def gated_delta(inputs):
    config = Qwen3NextConfig(
        hidden_size=FEATURES,
        linear_num_key_heads=2,
        linear_num_value_heads=2,
        linear_key_head_dim=3,
        linear_value_head_dim=5,
        num_hidden_layers=1,
    )
    layer = randomized(Qwen3NextGatedDeltaNet(config, layer_idx=0))
    return layer, layer(inputs)


def randomized(module):
    module = module.eval()
    with torch.no_grad():
        for weight in module.parameters():
            weight.normal_(std=0.5)
    return module


def main(path: str) -> None:
    arrays = {}
    peers = {"mamba": mamba, "rg_lru": griffin, "slstm": slstm}
    peers |= {"mlstm": mlstm, "mamba2": mamba2, "gated_delta": gated_delta}
    for name, run in peers.items():
        torch.manual_seed(0)
        inputs = torch.randn(BATCH, TIME, FEATURES)
        with torch.no_grad():
            module, outputs = run(inputs)
        outputs = outputs[0] if isinstance(outputs, tuple) else outputs
        arrays |= {f"{name}/inputs": inputs.numpy(), f"{name}/outputs": outputs.numpy()}
        for key, weight in module.state_dict().items():
            arrays[f"{name}/weights/{key}"] = weight.numpy()
    np.savez(path, **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
