"""PyTorch's recurrent layers as a side of `layers.py`, run by the peers' Python, on a GPU if any.

Each line of stdin is one JSON object: {"do": "prepare", "name": NAME, "case": {fields of
`layer_steps.Case`}} or {"do": "time", "name": NAME, "steps": N}, which is answered by {"seconds"}
of one step.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import torch

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def make_step(case: dict):
    """Returns a function that takes one step of the case."""
    dtype = torch.bfloat16 if case["precision"] == "mixed_bfloat16" else torch.float32
    make = getattr(torch.nn, case["kind"])
    layer = make(
        case["features"], case["units"], batch_first=True, bidirectional=case["bidirectional"]
    ).to(DEVICE, dtype)
    torch.manual_seed(0)
    inputs = torch.randn(case["batch"], case["time"], case["features"], dtype=dtype, device=DEVICE)
    width = case["units"] * (2 if case["bidirectional"] else 1)
    upstream = torch.randn(case["batch"], case["time"], width, dtype=dtype, device=DEVICE)
    if not case["training"]:
        return lambda: _infer(layer, inputs)
    inputs.requires_grad_(True)
    sources = [inputs, *layer.parameters()]
    return lambda: torch.autograd.grad(layer(inputs)[0], sources, upstream)


def _infer(layer, inputs):
    with torch.inference_mode():
        return layer(inputs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    torch.set_num_threads(parser.parse_args().threads)
    print(json.dumps({"library": f"torch {torch.__version__} on {DEVICE}"}), flush=True)
    steps = {}
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "prepare":
            steps[command["name"]] = make_step(command["case"])
            answer = {}
        else:
            step = steps[command["name"]]
            start = time.perf_counter()
            for _ in range(command["steps"]):
                step()
            if DEVICE == "cuda":
                torch.cuda.synchronize()
            answer = {"seconds": (time.perf_counter() - start) / command["steps"]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
