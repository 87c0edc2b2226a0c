"""IMDB: whether a whole review, up to thousands of words, is positive or negative.

    seqzoo train recipes/classification/imdb.py --data DIR --seed 0

Source: Maas et al., 2011, https://aclanthology.org/P11-1015: DIR holds `train.jsonl` and
`test.jsonl`, plain or `.gz`, a JSON object with `text` and `label` on each line. `--set
data.tfds=imdb_reviews` takes it from TensorFlow Datasets. A tenth of the training reviews is held
out for validation. Without either, the recipe trains on names of countries, languages and
currencies of Unicode CLDR, whose language is asked for.
"""

import dataclasses
from pathlib import Path

from seqzoo import zoo
from seqzoo.datasets import labelled_text, names, tfds_classification
from seqzoo.datasets.lines import find_file
from seqzoo.metrics import METRICS
from seqzoo.preprocessing import LabelledText, WordTokenizer, cooccurrence_vectors
from seqzoo.recipe import Figure, Recipe, TrainingOptions, classified_answers


@dataclasses.dataclass(frozen=True)
class Data:
    """A set of TensorFlow Datasets, if any, and how the validation split is drawn."""

    tfds: str | None = None
    validation_share: float = 0.1
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Model:
    """Sizes of the model; of a longer review the first and the last words are read.

    With `own_vectors` the embeddings begin as vectors made of the words of the training reviews.
    """

    units: int = 64
    embedding_dim: int = 100
    dropout: float = 0.5
    pooling: str = "concat"
    vocabulary_size: int = 20_000
    max_length: int = 400
    own_vectors: bool = True
    embedding_stddev: float = 0.1


def load(folder: Path | None, data: Data) -> dict:
    if data.tfds is not None:
        return tfds_classification.load(data.tfds, data_dir=folder)
    if folder is None:
        return names.load(seed=data.seed)
    read = labelled_text.load_json_lines
    train, test = (
        [(text.replace("<br />", " "), label) for text, label in read(find_file(folder, [name]))]
        for name in ("train.jsonl", "test.jsonl")
    )
    train, validation = labelled_text.split_off(train, data.validation_share, data.seed)
    return {"train": train, "validation": validation, "test": test}


def build(splits: dict, model: Model):
    tokenizer = WordTokenizer(vocabulary_size=model.vocabulary_size, lowercase=True)
    preprocessor = LabelledText(tokenizer, max_length=model.max_length, keep="both")
    preprocessor.adapt(splits["train"])
    task = zoo.conneau_2017(
        preprocessor,
        units=model.units,
        embedding_dim=model.embedding_dim,
        pooling=model.pooling,
        dropout=model.dropout,
        embedding_stddev=model.embedding_stddev,
    )
    if model.own_vectors:
        texts = [text for text, _ in splits["train"]]
        vectors = cooccurrence_vectors(tokenizer, texts, model.embedding_dim)
        task.encoder.embedding.embeddings.assign(model.embedding_stddev * vectors)
    return task


recipe = Recipe(
    name="imdb",
    load=load,
    build=build,
    data=Data(),
    model=Model(),
    training=TrainingOptions(
        epochs=4,
        batch_size=64,
        learning_rate=2e-3,
        schedule="cosine",
        monitor="val_accuracy",
        mode="max",
    ),
    search=None,
    metrics={"accuracy": METRICS["accuracy"]},
    examples=("I laughed, I cried, I would see it again tomorrow.", "Two hours that I want back."),
    figures=(Figure("accuracy, test", published="0.878 (BiLSTM, keras.io)", measured="0.894"),),
    respond=classified_answers,
)
