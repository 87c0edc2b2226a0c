"""Multi30k: descriptions of pictures, from German to English and between other languages of it.

    seqzoo train recipes/translation/multi30k.py --data DIR --seed 0
    seqzoo train recipes/translation/multi30k.py --data DIR --seed 0 --out runs/en-de
        --set data.source=en --set data.target=de

Source: task 1 of https://github.com/multi30k/dataset (Elliott et al., 2016,
https://aclanthology.org/W16-3210), 29,000 sentences, whose licence lets nobody ship it: DIR holds
`train.de`, `val.de`, `test_2016_flickr.de` and the same in the other language, plain or `.gz`.
TensorFlow Datasets does not carry it.

Expected, test 2016, beam 5, lower-cased, seed 0: de-en BLEU 36.4 (greedy 35.1), chrF 52.4; en-de
BLEU 33.7 (greedy 31.1), chrF 45.9; 46 and 100 minutes on 2 cores that had other work too, most
of it the second time. Published: de-en 28.3 (bentrevett/pytorch-seq2seq).

A Transformer of 4 blocks of 128 on subwords, seed 0, one core of an Intel Xeon with AMX: de-en BLEU
40.5, chrF 58.4, 53 minutes of the processor:

    seqzoo train recipes/translation/multi30k.py --data DIR --seed 0
        --set model.architecture=vaswani_2017 --set model.units=128 --set model.layers=4
        --set model.num_heads=4 --set model.dropout=0.3 --set model.tokens=subword
        --set model.vocabulary_size=8000 --set training.epochs=20 --set training.batch_size=128
        --set training.learning_rate=0.003 --set training.warmup_steps=1000
        --set training.ema=0.998 --set training.patience=20

and en-de BLEU 38.3, chrF 49.3, 64 minutes, with a dropout of 0.2, 18 epochs, a learning rate of
0.002 and 800 steps of warm-up. Published: 41.0 tokenised (Wu et al., 2021, Transformer-tiny).

Sets that TensorFlow Datasets carries train in the same way:

    seqzoo train recipes/translation/multi30k.py --set data.tfds=ted_hrlr_translate/pt_to_en
        --set data.source=pt --set data.target=en
"""

import dataclasses
import functools
from pathlib import Path
from typing import Literal

from seqzoo import zoo
from seqzoo.datasets import parallel_text, tfds_translation
from seqzoo.metrics import METRICS
from seqzoo.preprocessing import SubwordTokenizer, WordTokenizer
from seqzoo.recipe import Figure, Recipe, TrainingOptions
from seqzoo.search import BeamSearch


@dataclasses.dataclass(frozen=True)
class Data:
    """Languages of the files, or of a set of TensorFlow Datasets."""

    source: str = "de"
    target: str = "en"
    tfds: str | None = None


@dataclasses.dataclass(frozen=True)
class Model:
    """Which model, how large, and what its tokens are.

    `layers` counts for all but `bahdanau_2015`, `embedding_dim` for all but `vaswani_2017`, which
    alone has `num_heads` and, of sub-words, one vocabulary for both sides; `min_frequency` counts
    for words, `vocabulary_size` for sub-words.
    """

    architecture: Literal["bahdanau_2015", "luong_2015", "sutskever_2014", "vaswani_2017"] = (
        "bahdanau_2015"
    )
    units: int = 512
    embedding_dim: int = 256
    layers: int = 1
    num_heads: int = 4
    dropout: float = 0.3
    label_smoothing: float = 0.1
    tokens: Literal["word", "subword"] = "word"
    lowercase: bool = True
    min_frequency: int = 2
    vocabulary_size: int = 6000


def load(folder: Path | None, data: Data) -> dict:
    if data.tfds is not None:
        sets = tfds_translation.load(data.tfds, data.source, data.target, data_dir=folder)
        return {name: _as_pairs(dataset) for name, dataset in sets.items()}
    if folder is None:
        raise ValueError(
            "Multi30k cannot be shipped: `--data DIR` must name a folder with train.de, val.de, "
            "test_2016_flickr.de and the same of the other language, from "
            "https://github.com/multi30k/dataset (data/task1/raw). A set of TensorFlow Datasets "
            "does too: --set data.tfds=ted_hrlr_translate/pt_to_en --set data.source=pt."
        )
    return parallel_text.load(folder, data.source, data.target)


def _as_pairs(dataset) -> list[tuple[str, str]]:
    return [(source.decode(), target.decode()) for source, target in dataset.as_numpy_iterator()]


def build(splits: dict, model: Model):
    if model.architecture == "vaswani_2017" and model.tokens == "subword":
        source = target = _tokenizer(model)
        source.adapt(text for pair in splits["train"] for text in pair)
    else:
        source, target = _tokenizer(model), _tokenizer(model)
        for side, tokenizer in enumerate((source, target)):
            tokenizer.adapt(pair[side] for pair in splits["train"])
    sizes = {"units": model.units, "embedding_dim": model.embedding_dim}
    if model.architecture != "bahdanau_2015":
        sizes["layers"] = model.layers
    if model.architecture == "vaswani_2017":
        del sizes["embedding_dim"]
        sizes["num_heads"] = model.num_heads
    return zoo.ZOO[model.architecture](
        source,
        target,
        dropout=model.dropout,
        label_smoothing=model.label_smoothing,
        **sizes,
    )


def _tokenizer(model: Model) -> WordTokenizer | SubwordTokenizer:
    if model.tokens == "word":
        return WordTokenizer(min_frequency=model.min_frequency, lowercase=model.lowercase)
    return SubwordTokenizer(vocabulary_size=model.vocabulary_size, lowercase=model.lowercase)


recipe = Recipe(
    name="multi30k",
    load=load,
    build=build,
    data=Data(),
    model=Model(),
    training=TrainingOptions(
        epochs=8,
        batch_size=64,
        learning_rate=1e-3,
        schedule="cosine",
        monitor="val_bleu",
        mode="max",
        patience=4,
    ),
    search=BeamSearch(width=5),
    metrics={
        "bleu": functools.partial(METRICS["bleu"], lowercase=True),
        "chrf": METRICS["chrf"],
    },
    examples=(
        "Ein Mann mit einem orangefarbenen Hut, der etwas anstarrt.",
        "Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche.",
    ),
    figures=(
        Figure(
            "bleu, de-en, test 2016",
            published="28.3 (bentrevett/pytorch-seq2seq, BiGRU with attention)",
            measured="36.4; vaswani_2017 40.5",
        ),
        Figure(
            "bleu, en-de, test 2016",
            published="41.0 tokenised (LividWo/Revisit-MMT, Transformer-tiny)",
            measured="33.7; vaswani_2017 38.3",
        ),
    ),
)
