"""PyTorch's side of `language_model.py`, run by the peers' Python.

Each line of stdin is one JSON object: {"do": "prepare", "name": NAME, "case": {fields of
`language_model.Case`}} or {"do": "time", "name": NAME, "steps": N}, which is answered by
{"seconds"} of one step.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import torch
from torch import nn


class LanguageModel(nn.Module):
    """Embedding, LSTMs and a projection, with dropout on what goes up."""

    def __init__(self, case: dict):
        super().__init__()
        units = case["units"]
        self.embedding = nn.Embedding(case["vocabulary"], units)
        self.drop = nn.Dropout(case["dropout"])
        between = case["dropout"] if case["layers"] > 1 else 0.0
        self.lstm = nn.LSTM(units, units, case["layers"], batch_first=True, dropout=between)
        self.head = nn.Linear(units, case["vocabulary"])

    def forward(self, token_ids, state):
        outputs, state = self.lstm(self.drop(self.embedding(token_ids)), state)
        return self.head(self.drop(outputs)), state


def make_step(case: dict):
    """Returns a function that takes one training step, which goes on where the last one ended."""
    torch.manual_seed(0)
    model = LanguageModel(case)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    rows = torch.randint(4, case["vocabulary"], (case["batch"], 50 * case["window"] + 1))
    kept = {"state": None, "place": 0}

    def step():
        start = kept["place"] % 50 * case["window"]
        piece = rows[:, start : start + case["window"] + 1]
        logits, state = model(piece[:, :-1], kept["state"])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), piece[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        kept["state"] = tuple(each.detach() for each in state)
        kept["place"] += 1
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
        if command["do"] == "prepare":
            steps[command["name"]] = make_step(command["case"])
            answer = {}
        else:
            start = time.perf_counter()
            for _ in range(command["steps"]):
                steps[command["name"]]()
            answer = {"seconds": (time.perf_counter() - start) / command["steps"]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
