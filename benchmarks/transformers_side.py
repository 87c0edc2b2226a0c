"""The side of transformers in `decoding_vs_transformers.py`, run by the peers' Python.

It makes a Marian model of random weights, writes them to a file, and answers JSON lines of stdin:
{"do": "generate", "inputs", "search"}, by {"tokens", "scores"} of the best hypothesis of each
input, and {"do": "time", "inputs", "search"}, by {"seconds", "tokens"}. `inputs` are token ids
`(B, S)`, padded with 0; `search` holds arguments of `generate`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import numpy as np
import torch
import transformers

PAD, END = 0, 1  # the decoder starts with PAD


def make_model(args: argparse.Namespace) -> transformers.MarianMTModel:
    """Returns a model whose next token is likely one of a few, and hangs on what came before."""
    config = transformers.MarianConfig(
        vocab_size=args.vocabulary,
        d_model=args.units,
        encoder_layers=args.layers,
        decoder_layers=args.layers,
        encoder_attention_heads=args.heads,
        decoder_attention_heads=args.heads,
        encoder_ffn_dim=4 * args.units,
        decoder_ffn_dim=4 * args.units,
        activation_function="swish",
        pad_token_id=PAD,
        eos_token_id=END,
        decoder_start_token_id=PAD,
        forced_eos_token_id=None,
        tie_word_embeddings=False,
    )
    torch.manual_seed(args.seed)
    model = transformers.MarianMTModel(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "embed_positions" in name:
                continue
            if "embed_tokens" in name:
                weight.normal_()
            elif "lm_head" in name:
                weight.normal_(std=args.sharpness * args.units**-0.5)
            elif weight.dim() == 2:
                weight.normal_(std=args.mixing * weight.shape[1] ** -0.5)
            elif "layer_norm" not in name:
                weight.normal_(std=0.1)
        model.final_logits_bias[:, PAD] = -1e9
        model.final_logits_bias[:, END] = args.end_bias
    return model


def save(model: transformers.MarianMTModel, path: str) -> None:
    weights = {name: weight.numpy() for name, weight in model.state_dict().items()}
    np.savez(path, **weights)


def generate(model, inputs: list[list[int]], search: dict) -> dict:
    found = search_for(model, inputs, search | {"output_scores": True})
    tokens = found.sequences[:, 1:].tolist()  # without the start token
    for row in tokens:
        if END in row:
            del row[row.index(END) + 1 :]
    scores = getattr(found, "sequences_scores", None)
    return {"tokens": tokens, "scores": None if scores is None else scores.tolist()}


def search_for(model, inputs: list[list[int]], search: dict):
    input_ids = torch.tensor(inputs)
    with torch.inference_mode():
        return model.generate(
            input_ids,
            attention_mask=(input_ids != PAD).long(),
            do_sample=False,
            return_dict_in_generate=True,
            **search,
        )


def timed(model, inputs: list[list[int]], search: dict) -> dict:
    begin = time.perf_counter()
    found = search_for(model, inputs, search)
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "tokens": int((found.sequences[:, 1:] != PAD).sum())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--weights", required=True, help="file to write")
    for name, value in (("vocabulary", 8000), ("units", 256), ("layers", 3), ("heads", 4)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--sharpness", type=float, default=3.0)
    parser.add_argument("--mixing", type=float, default=0.5)
    parser.add_argument("--end-bias", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    transformers.logging.set_verbosity_error()
    model = make_model(args)
    save(model, args.weights)
    print(json.dumps({"library": f"transformers {transformers.__version__}"}), flush=True)
    answers = {"generate": generate, "time": timed}
    for line in sys.stdin:
        command = json.loads(line)
        answer = answers[command["do"]](model, command["inputs"], command["search"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
