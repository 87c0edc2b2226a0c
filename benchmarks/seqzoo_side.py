"""seqzoo as one side of `translation_vs_joeynmt.py`: the same commands as `joeynmt_side.py`.

    python benchmarks/seqzoo_side.py fit --work DIR --epochs 3        # DIR/seqzoo, a preset
    python benchmarks/seqzoo_side.py serve --work DIR --precision mixed_bfloat16

DIR is the folder that `multi30k_words.py` wrote. `serve` prints one JSON line when it is ready,
and one for each JSON line that it reads; see `joeynmt_side.py` for the commands. A checkpoint is
a preset here.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import seqzoo as sz  # ahead of TensorFlow, for its settings of it

# isort: split
import keras
import tensorflow as tf
from multi30k_words import detokenize

from seqzoo.preprocessing import TextPairs, WordTokenizer, examples, training_batches
from seqzoo.preprocessing.tokenizer import SPECIAL_TOKENS

LANGUAGES = ("de", "en")  # from, to
BATCH_SIZE = 64  # sentences
SEED = 1


def build(work: Path) -> sz.Seq2Seq:
    """Builds the model that `joeynmt_side.py` describes, on the same vocabularies."""
    source, target = (tokenizer(work / f"vocabulary.{language}") for language in LANGUAGES)
    return sz.Seq2Seq(
        encoder=sz.encoders.RecurrentEncoder(source.vocabulary_size, 256, 256, dropout=0.2),
        decoder=sz.decoders.RecurrentDecoder(
            target.vocabulary_size, 256, 512, input_feeding=True, dropout=0.2
        ),
        preprocessor=TextPairs(source, target),
        head=sz.heads.Tokens(target.vocabulary_size, label_smoothing=0.1),
    )


def tokenizer(vocabulary: Path) -> WordTokenizer:
    """Returns a tokenizer of the words of a file, one a line."""
    words = vocabulary.read_text(encoding="utf-8").rstrip("\n").split("\n")
    return WordTokenizer(vocabulary=[*SPECIAL_TOKENS, *words])


def pairs(work: Path, split: str) -> list[tuple[str, str]]:
    """Returns the pairs of lines of a split."""
    sides = [
        (work / f"{split}.{language}").read_text(encoding="utf-8").rstrip("\n").split("\n")
        for language in LANGUAGES
    ]
    return list(zip(*sides, strict=True))


class Side:
    """A model of seqzoo that trains and translates when it is told to."""

    def __init__(self, work: Path):
        keras.utils.set_random_seed(SEED)
        self.work = work
        self.model = build(work)
        self.model.compile()  # Adam, 0.001, gradients clipped to norm 1
        stream = training_batches(
            examples(pairs(work, "train")), self.model.preprocessor, BATCH_SIZE, seed=SEED
        )
        self.batches = iter(stream.dataset)
        self.step = tf.function(lambda batch: self.model.train_step(batch), reduce_retracing=True)

    def describe(self) -> dict[str, Any]:
        return {
            "library": f"seqzoo {sz.__version__}, tensorflow {tf.__version__}, "
            f"{keras.config.dtype_policy().name}",
            "parameters": self.model.count_params(),
            "source_vocabulary": self.model.encoder.vocabulary_size,
            "target_vocabulary": self.model.decoder.vocabulary_size,
        }

    def train(self, steps: int) -> dict[str, Any]:
        """Updates the weights `steps` times."""
        tokens = 0.0
        self.model.reset_metrics()
        start = time.perf_counter()
        for _ in range(steps):
            batch = next(self.batches)
            logs = self.step(batch)
            tokens += float(tf.reduce_sum(batch[2]))
        seconds = time.perf_counter() - start
        return {"steps": steps, "tokens": tokens, "seconds": seconds, "loss": float(logs["loss"])}

    def load(self, checkpoint: str) -> dict[str, Any]:
        """Reads the weights that `fit` saved."""
        self.model.load_weights(f"{checkpoint}/model.weights.h5")
        return {"checkpoint": checkpoint}

    def translate(
        self, output: str, split: str = "test", beam: int = 5, batch_size: int = BATCH_SIZE
    ) -> dict[str, Any]:
        """Writes the best translation of every sentence, one a line, detokenised."""
        sources = [source for source, _ in pairs(self.work, split)]
        search = sz.BeamSearch(width=beam, max_length=100)
        start = time.perf_counter()
        translations = self.model.generate(sources, search=search, batch_size=batch_size)
        seconds = time.perf_counter() - start
        text = "".join(f"{detokenize(line)}\n" for line in translations)
        Path(output).write_text(text, encoding="utf-8")
        return {"sentences": len(translations), "seconds": seconds, "output": output}


def fit(work: Path, epochs: int) -> None:
    """Trains as `joeynmt_side.py` does, so that there is a model worth decoding with."""
    keras.utils.set_random_seed(SEED)
    model = build(work)
    model.compile()
    model.fit(pairs(work, "train"), epochs=epochs, batch_size=BATCH_SIZE, seed=SEED, verbose=2)
    model.save_preset(work / "seqzoo")


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
    parser.add_argument("--precision", default="float32", help="Keras dtype policy")
    options = parser.parse_args()
    keras.config.set_dtype_policy(options.precision)
    if options.mode == "fit":
        fit(options.work, options.epochs)
    else:
        answers, sys.stdout = sys.stdout, sys.stderr
        serve(options.work, sys.stdin, answers)


if __name__ == "__main__":
    main()
