"""Movie reviews: whether a sentence is positive or negative, of MR or of SST-2.

    seqzoo train recipes/classification/movie_reviews.py --data DIR --seed 0

Sources: MR (Pang and Lee, 2005, https://aclanthology.org/P05-1015): DIR holds `rt-polarity.pos`
and `rt-polarity.neg`; the last tenth of each file is the test split, the tenth before it the
validation split. SST-2 (Socher et al., 2013, https://aclanthology.org/D13-1170): DIR holds
`train.txt`, `dev.txt` and `test.txt`, lines of `0` or `1` and a sentence. `--set
data.tfds=glue/sst2` or another labelled set of TensorFlow Datasets does as well. Without any of
them, the recipe trains on names of countries, languages and currencies of Unicode CLDR,
whose language is asked for.

With `--set data.plain_text=FILE`, the embeddings begin as vectors made of the words of other text
without its labels, such as the training reviews of IMDB, and know its words too.

Expected, mean and spread of seeds 0, 1 and 2, on one core of an Intel Xeon (AMX): on the 1,066 test
sentences of MR an accuracy of 0.776 ± 0.014, 2.6 minutes; with those vectors and `--set
model.embedding_dim=200 --set model.embedding_dropout=0.3 --set training.epochs=5` 0.795 ± 0.002,
2.4 minutes. On the 1,821 of SST-2: 0.795 ± 0.022, 1.6 minutes; with vectors 0.828 ± 0.004, 1.7
minutes.
"""

import dataclasses
from pathlib import Path

from seqzoo import zoo
from seqzoo.datasets import labelled_text, names, tfds_classification, unlabelled_text
from seqzoo.datasets.lines import find_file
from seqzoo.metrics import METRICS
from seqzoo.preprocessing import (
    LabelledText,
    WhitespaceTokenizer,
    cooccurrence_vectors,
    with_tokens_of,
)
from seqzoo.recipe import Figure, Recipe, TrainingOptions, classified_answers


@dataclasses.dataclass(frozen=True)
class Data:
    """A set of TensorFlow Datasets, if any, and the seed of the names of the default.

    `plain_text` names files of text for the start of the embeddings, with commas between them;
    see `seqzoo.datasets.unlabelled_text`.
    """

    tfds: str | None = None
    plain_text: str | None = None
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Model:
    """Sizes of the model."""

    embedding_dim: int = 300
    filters: int = 100
    dropout: float = 0.5
    embedding_dropout: float = 0.5
    min_frequency: int = 1
    label_smoothing: float = 0.1
    embedding_stddev: float = 0.15
    vector_window: int = 5


def load(folder: Path | None, data: Data) -> dict:
    splits = _labelled(folder, data)
    if data.plain_text is None:
        return splits
    # In MR "it's" is one token, in SST-2 two.
    split_clitics = not any("it's" in text.split() for text, _ in splits["train"])
    files = data.plain_text.split(",")
    return splits | {"plain_text": unlabelled_text.load(files, split_clitics)}


def _labelled(folder: Path | None, data: Data) -> dict:
    if data.tfds is not None:
        return tfds_classification.load(data.tfds, data_dir=folder)
    if folder is None:
        return names.load(seed=data.seed)
    if (folder / "rt-polarity.pos").is_file():
        return _polarity(folder)
    files = {"train": "train.txt", "validation": "dev.txt", "test": "test.txt"}
    return {
        split: labelled_text.load_lines(find_file(folder, [name])) for split, name in files.items()
    }


def _polarity(folder: Path) -> dict:
    splits: dict = {"train": [], "validation": [], "test": []}
    for label in ("pos", "neg"):
        path = {label: folder / f"rt-polarity.{label}"}
        examples = labelled_text.load_file_per_label(path, encoding="latin-1")
        tenth = len(examples) // 10
        splits["train"] += examples[: -2 * tenth]
        splits["validation"] += examples[-2 * tenth : -tenth]
        splits["test"] += examples[-tenth:]
    return splits


def build(splits: dict, model: Model):
    texts, labels = zip(*splits["train"], strict=True)
    tokenizer = WhitespaceTokenizer(lowercase=True, min_frequency=model.min_frequency)
    tokenizer.adapt(texts)
    plain_text = splits.get("plain_text")
    if plain_text is not None:
        tokenizer = with_tokens_of(tokenizer, plain_text)
    task = zoo.kim_2014(
        LabelledText(tokenizer, labels=sorted(set(labels))),
        embedding_dim=model.embedding_dim,
        filters=model.filters,
        dropout=model.dropout,
        embedding_dropout=model.embedding_dropout,
        label_smoothing=model.label_smoothing,
    )
    if plain_text is not None:
        dim, window = model.embedding_dim, model.vector_window
        vectors = cooccurrence_vectors(tokenizer, plain_text, dim, window)
        task.encoder.embedding.embeddings.assign(model.embedding_stddev * vectors)
    return task


recipe = Recipe(
    name="movie_reviews",
    load=load,
    build=build,
    data=Data(),
    model=Model(),
    training=TrainingOptions(
        epochs=8,
        batch_size=50,
        learning_rate=1e-3,
        schedule="cosine",
        monitor="val_accuracy",
        mode="max",
    ),
    search=None,
    metrics={"accuracy": METRICS["accuracy"], "macro_f1": METRICS["macro_f1"]},
    examples=("a thoughtful and moving film .", "dull , lifeless and far too long ."),
    figures=(
        Figure(
            "accuracy, MR",
            published="0.761 (Kim 2014, CNN-rand, 10-fold)",
            measured="0.776 ± 0.014",
        ),
        Figure(
            "accuracy, MR, with vectors of the IMDB training reviews",
            published="0.815 (Kim 2014, with word2vec, 10-fold)",
            measured="0.795 ± 0.002",
        ),
        Figure(
            "accuracy, SST-2",
            published="0.827 (Kim 2014, CNN-rand, trained on phrases too)",
            measured="0.795 ± 0.022, on sentences alone",
        ),
        Figure(
            "accuracy, SST-2, sentences alone, with vectors of the IMDB training reviews",
            published="0.872 (Kim 2014, with word2vec, trained on phrases too)",
            measured="0.828 ± 0.004",
        ),
    ),
    respond=classified_answers,
)
