"""PyTorch's side of `transformer_training.py`, run by the peers' Python.

Each line of stdin is one JSON object: {"do": "prepare", "name": NAME, "case": {fields of
`transformer_training.Case`}, "bfloat16": BOOL} or {"do": "time", "name": NAME, "steps": N}, which
is answered by {"seconds"} of one step.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import torch
from torch import nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention


class Block(nn.Module):
    """A causal block with norms before."""

    def __init__(self, units: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm, self.feed_norm = nn.LayerNorm(units), nn.LayerNorm(units)
        self.joined, self.output = nn.Linear(units, 3 * units), nn.Linear(units, units)
        self.feed = nn.Sequential(
            nn.Linear(units, 4 * units), nn.GELU("tanh"), nn.Linear(4 * units, units)
        )

    def forward(self, values):
        batch, steps, units = values.shape
        query, key, value = (
            part.view(batch, steps, self.heads, -1).transpose(1, 2)
            for part in self.joined(self.norm(values)).split(units, -1)
        )
        read = scaled_dot_product_attention(query, key, value, is_causal=True)
        values = values + self.output(read.transpose(1, 2).reshape(batch, steps, units))
        return values + self.feed(self.feed_norm(values))


class GPT(nn.Module):
    """Learned positions, blocks, a final norm, one matrix for embeddings and logits."""

    def __init__(self, case: dict):
        super().__init__()
        units = case["units"]
        self.embedding = nn.Embedding(case["vocabulary"], units)
        self.positions = nn.Parameter(0.02 * torch.randn(case["length"], units))
        self.blocks = nn.Sequential(*(Block(units, case["heads"]) for _ in range(case["layers"])))
        self.norm = nn.LayerNorm(units)

    def loss(self, rows):
        values = self.blocks(self.embedding(rows[:, :-1]) + self.positions)
        logits = self.norm(values) @ self.embedding.weight.T
        return cross_entropy(logits.flatten(0, 1), rows[:, 1:].reshape(-1))


class Marian(nn.Module):
    """Marian of transformers, on rows without padding."""

    def __init__(self, case: dict):
        import transformers

        super().__init__()
        sides = {
            f"{side}_{name}": value
            for side in ("encoder", "decoder")
            for name, value in (
                ("layers", case["layers"]),
                ("attention_heads", case["heads"]),
                ("ffn_dim", 4 * case["units"]),
            )
        }
        config = transformers.MarianConfig(
            vocab_size=case["vocabulary"],
            d_model=case["units"],
            dropout=0.0,
            activation_function="swish",
            pad_token_id=0,
            eos_token_id=1,
            decoder_start_token_id=0,
            forced_eos_token_id=None,
            **sides,
        )
        self.model = transformers.MarianMTModel(config)

    def loss(self, rows):
        return self.model(input_ids=rows[:, 1:], labels=rows[:, :-1].contiguous()).loss


def make_step(case: dict, bfloat16: bool):
    """Returns a function that takes one training step."""
    torch.manual_seed(0)
    model = (Marian if case["sides"] == 2 else GPT)(case)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    batches = torch.randint(4, case["vocabulary"], (20, case["batch"], case["length"] + 1))
    done = {"steps": 0}

    def step():
        rows = batches[done["steps"] % len(batches)]
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = model.loss(rows)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        done["steps"] += 1
        return float(loss)

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    torch.set_num_threads(parser.parse_args().threads)
    print(json.dumps({"library": f"torch {torch.__version__}"}), flush=True)
    steps = {}
    for line in sys.stdin:
        command = json.loads(line)
        name = command["name"]
        if command["do"] == "prepare":
            steps[name] = make_step(command["case"], command["bfloat16"])
            print(json.dumps({}), flush=True)
            continue
        begin = time.perf_counter()
        for _ in range(command["steps"]):
            steps[name]()
        seconds = (time.perf_counter() - begin) / command["steps"]
        print(json.dumps({"seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
