"""WNUT 17: emerging and rare entities in noisy text, of six types.

    seqzoo train recipes/tagging/entities.py --data DIR --seed 0

Source: Derczynski et al., 2017, https://aclanthology.org/W17-4418, CC BY 4.0: DIR holds
`train.conll`, `dev.conll` and `test.conll`, a token and its BIO tag on each line, from
https://github.com/leondz/emerging_entities_17. Without `--data`, the recipe trains on requests
that are made of names of Unicode CLDR.

With `--set data.plain_text=FILES`, commas between them, the embeddings begin as vectors made of
the words of other text, such as the training parts of WikiText-2 and IMDB, and know its words too.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from seqzoo import zoo
from seqzoo.datasets import conll, requests, unlabelled_text
from seqzoo.datasets.lines import find_file
from seqzoo.metrics import METRICS
from seqzoo.preprocessing import (
    CharacterTokenizer,
    TaggedTokens,
    TokenLookup,
    WhitespaceTokenizer,
    cooccurrence_vectors,
    with_tokens_of,
)
from seqzoo.recipe import Figure, Recipe, TrainingOptions, tagged_answers

FILES = {
    "train": ["train.conll", "wnut17train.conll"],
    "validation": ["dev.conll", "emerging.dev.conll"],
    "test": ["test.conll", "emerging.test.annotated"],
}


@dataclasses.dataclass(frozen=True)
class Data:
    """Seed of the requests that are made where there is no folder.

    `plain_text` names files of text for the start of the embeddings, with commas between them;
    see `seqzoo.datasets.unlabelled_text`.
    """

    seed: int = 0
    plain_text: str | None = None


@dataclasses.dataclass(frozen=True)
class Model:
    """Which model, and its sizes."""

    architecture: Literal["ma_2016", "lample_2016"] = "ma_2016"
    units: int = 128
    embedding_dim: int = 100
    piece_dim: int = 30
    piece_units: int = 60
    dropout: float = 0.5
    unknown_rate: float = 0.3
    lowercase: bool = True
    crf: bool = True
    vector_window: int = 2


def load(folder: Path | None, data: Data) -> dict:
    if folder is None:
        return requests.load(seed=data.seed)
    splits = {split: conll.load(find_file(folder, names)) for split, names in FILES.items()}
    if data.plain_text is not None:
        # Tweets have "don't" as one token.
        splits["plain_text"] = unlabelled_text.load(data.plain_text.split(","), False)
    return splits


def build(splits: dict, model: Model):
    sentences, tags = zip(*splits["train"], strict=True)
    tokens = [token for sentence in sentences for token in sentence]
    words = WhitespaceTokenizer(lowercase=model.lowercase, min_frequency=1)
    words.adapt(tokens)
    plain_text = splits.get("plain_text")
    if plain_text is not None:
        words = with_tokens_of(words, plain_text)
    pieces = CharacterTokenizer()
    pieces.adapt(tokens)
    lookup = TokenLookup(lowercase=model.lowercase, vocabulary=words.vocabulary)
    names = sorted({tag for each in tags for tag in each})
    preprocessor = TaggedTokens(lookup, pieces, names)
    task = zoo.ZOO[model.architecture](
        preprocessor,
        units=model.units,
        embedding_dim=model.embedding_dim,
        piece_dim=model.piece_dim,
        piece_units=model.piece_units,
        dropout=model.dropout,
        unknown_rate=model.unknown_rate,
        scheme="bio",
        crf=model.crf,
    )
    if plain_text is not None:
        dim, window = model.embedding_dim, model.vector_window
        vectors = cooccurrence_vectors(words, plain_text, dim, window)
        task.features.embedding.embeddings.assign(dim**-0.5 * vectors)
    return task


recipe = Recipe(
    name="entities",
    load=load,
    build=build,
    data=Data(),
    model=Model(),
    training=TrainingOptions(
        epochs=20,
        batch_size=16,
        learning_rate=2e-3,
        schedule="cosine",
        monitor="val_entity_f1",
        mode="max",
    ),
    search=None,
    metrics={name: METRICS[name] for name in ("entity_f1", "entity_precision", "entity_recall")},
    examples=(
        "book a flight from New Zealand to Peru on May 3 .",
        "Watching the Lakers with Sarah in Boston tonight",
    ),
    figures=(
        Figure(
            "entity_f1, test",
            published="about 0.25 without vectors; 0.419 with them (Aguilar et al., 2017)",
            measured="0.259 ± 0.011, with plain text of WikiText-2 and IMDB",
        ),
    ),
    respond=tagged_answers,
)
