"""JoeyNMT 2.3 as the other side of `translation_vs_joeynmt.py`, run by the peers' Python.

    python benchmarks/joeynmt_side.py fit --work DIR --epochs 3       # DIR/joeynmt/best.ckpt
    python benchmarks/joeynmt_side.py serve --work DIR                # commands on stdin

DIR is the folder that `multi30k_words.py` wrote. Data, batches, model, loss, optimizer, beam
search and detokenisation are JoeyNMT's own. `serve` prints one JSON line when it is ready, and
one for each JSON line that it reads, until its input ends; the log goes to stderr. The commands:

    {"do": "train", "steps": 20}                      -> {"steps", "tokens", "seconds", "loss"}
    {"do": "load", "checkpoint": "DIR/joeynmt/best.ckpt"}                  -> {"checkpoint"}
    {"do": "translate", "beam": 5, "batch_size": 64, "split": "test", "output": "FILE"}
                                                      -> {"sentences", "seconds", "output"}

`tokens` are the target tokens that are not padding, with the end token; `seconds` hold the
making of the batches. A command that fails is answered by {"error"}, and the next one is read.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import importlib_metadata
import torch
from joeynmt import builders, training
from joeynmt.batch import Batch
from joeynmt.config import parse_global_args
from joeynmt.helpers import load_checkpoint
from joeynmt.prediction import predict, prepare
from multi30k_words import detokenize

LANGUAGES = ("de", "en")  # from, to
BATCH_SIZE = 64  # sentences
SEED = 1


class ReduceLROnPlateau(torch.optim.lr_scheduler.ReduceLROnPlateau):
    """PyTorch's, which no longer has the argument `verbose` that JoeyNMT 2.3 gives."""

    def __init__(self, optimizer: torch.optim.Optimizer, verbose: bool = False, **settings: Any):
        super().__init__(optimizer, **settings)


builders.ReduceLROnPlateau = ReduceLROnPlateau


def configuration(work: Path, epochs: int = 1) -> dict[str, Any]:
    """Returns what a user of JoeyNMT would write into the YAML file."""
    source, target = LANGUAGES
    embeddings = {"embedding_dim": 256, "dropout": 0.2}
    return {
        "name": "multi30k",
        "model_dir": str(work / "joeynmt"),
        "use_cuda": False,
        "random_seed": SEED,
        "data": {
            "train": str(work / "train"),
            "dev": str(work / "validation"),
            "test": str(work / "test"),
            "src": {
                "lang": source,
                "level": "word",
                "voc_file": str(work / f"vocabulary.{source}"),
            },
            "trg": {
                "lang": target,
                "level": "word",
                "voc_file": str(work / f"vocabulary.{target}"),
            },
        },
        "model": {
            "encoder": {
                "type": "recurrent",
                "rnn_type": "lstm",
                "bidirectional": True,
                "hidden_size": 256,  # for each direction
                "embeddings": embeddings,
            },
            "decoder": {
                "type": "recurrent",
                "rnn_type": "lstm",
                "hidden_size": 512,
                "hidden_dropout": 0.2,
                "attention": "bahdanau",
                "input_feeding": True,
                "init_hidden": "bridge",
                "embeddings": embeddings,
            },
        },
        "training": {
            "batch_size": BATCH_SIZE,
            "batch_type": "sentence",
            "normalization": "tokens",
            "label_smoothing": 0.1,
            "optimizer": "adam",
            "learning_rate": 0.001,
            "clip_grad_norm": 1.0,
            "scheduling": "plateau",  # JoeyNMT refuses to run without a schedule
            "early_stopping_metric": "ppl",
            "epochs": epochs,
            "logging_freq": 50,
            "validation_freq": 450,  # about an epoch; JoeyNMT wants a multiple of logging_freq
            "keep_best_ckpts": 1,
        },
        "testing": {"batch_size": BATCH_SIZE, "beam_alpha": 1.0, "eval_metrics": ["bleu"]},
    }


def fit(work: Path, epochs: int) -> None:
    """Trains by JoeyNMT's own `train`, so that there is a model worth decoding with."""
    config = configuration(work, epochs)
    shutil.rmtree(config["model_dir"], ignore_errors=True)
    Path(config["model_dir"]).mkdir()
    training.train(rank=0, world_size=1, cfg=config, skip_test=True)


class Side:
    """A model of JoeyNMT that trains and translates when it is told to."""

    def __init__(self, work: Path):
        config = configuration(work)
        Path(config["model_dir"]).mkdir(exist_ok=True)
        self.args = parse_global_args(config, mode="train")
        self.model, train, validation, test = prepare(self.args, rank=0, mode="train")
        self.splits = {"train": train, "validation": validation, "test": test}
        self.manager = training.TrainManager(
            rank=0,
            model=self.model,
            model_dir=self.args.model_dir,
            device=self.args.device,
            autocast=self.args.autocast,
            seed=self.args.seed,
            train_args=self.args.train,
            dev_args=self.args.test,
        )
        self.batches = self._endless_batches()

    def describe(self) -> dict[str, Any]:
        joeynmt = importlib_metadata.version("joeynmt")
        return {
            "library": f"joeynmt {joeynmt}, torch {torch.__version__}",
            "threads": torch.get_num_threads(),
            "parameters": sum(weight.numel() for weight in self.model.parameters()),
            "source_vocabulary": len(self.model.src_vocab),
            "target_vocabulary": len(self.model.trg_vocab),
        }

    def train(self, steps: int) -> dict[str, Any]:
        """Updates the weights `steps` times, in float32."""
        tokens, loss = 0, 0.0
        start = time.perf_counter()
        for _ in range(steps):
            batch = next(self.batches)
            loss += self._update(batch)
            tokens += batch.ntokens
        seconds = time.perf_counter() - start
        return {"steps": steps, "tokens": tokens, "seconds": seconds, "loss": loss / steps}

    def load(self, checkpoint: str) -> dict[str, Any]:
        """Reads the weights that `fit` saved."""
        saved = load_checkpoint(Path(checkpoint), map_location=self.args.device)
        self.model.load_state_dict(saved["model_state"])
        return {"checkpoint": checkpoint}

    def translate(
        self, output: str, split: str = "test", beam: int = 5, batch_size: int = BATCH_SIZE
    ) -> dict[str, Any]:
        """Writes the best translation of every sentence, one a line, detokenised."""
        settings = self.args.test._replace(beam_size=beam, batch_size=batch_size, eval_metrics=[])
        start = time.perf_counter()
        _, _, translations, _, _, _ = predict(
            model=self.model,
            data=self.splits[split],
            device=self.args.device,
            n_gpu=0,
            args=settings,
            autocast=self.args.autocast,
        )
        seconds = time.perf_counter() - start
        text = "".join(f"{detokenize(line)}\n" for line in translations)
        Path(output).write_text(text, encoding="utf-8")
        return {"sentences": len(translations), "seconds": seconds, "output": output}

    def _endless_batches(self) -> Iterator[Batch]:
        """Yields the batches of `TrainManager.train_and_validate`, epoch after epoch."""
        loader = self.splits["train"].make_iter(
            batch_size=self.args.train.batch_size,
            batch_type=self.args.train.batch_type,
            seed=self.args.seed,
            shuffle=self.args.train.shuffle,
            num_workers=self.args.num_workers,
            device=self.args.device,
            eos_index=self.model.eos_index,
            pad_index=self.model.pad_index,
        )
        epoch = 0
        while True:
            epoch += 1
            loader.batch_sampler.set_seed(self.args.seed + epoch)
            yield from loader

    def _update(self, batch: Batch) -> float:
        """Does what the loop of `TrainManager.train_and_validate` does with one batch."""
        loss, _ = self.manager._train_step(batch)
        self.manager.clip_grad_fun(parameters=self.model.parameters())
        self.manager.optimizer.step()
        self.model.zero_grad()
        return loss


def serve(work: Path, commands: TextIO, answers: TextIO) -> None:
    """Answers each line of `commands` by one line of `answers`."""
    side = Side(work)
    methods = {"train": side.train, "load": side.load, "translate": side.translate}
    print(json.dumps(side.describe()), file=answers, flush=True)
    for line in commands:
        try:
            command = json.loads(line)
            answer = methods[command.pop("do")](**command)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("mode", choices=("fit", "serve"))
    parser.add_argument("--work", type=Path, required=True, help="folder of multi30k_words.py")
    parser.add_argument("--epochs", type=int, default=3, help="for fit")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.mode == "fit":
        fit(options.work, options.epochs)
    else:
        answers, sys.stdout = sys.stdout, sys.stderr  # what JoeyNMT prints must not mix with them
        serve(options.work, sys.stdin, answers)


if __name__ == "__main__":
    main()
