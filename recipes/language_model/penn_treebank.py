"""The Penn Treebank, and WikiText-2 likewise: language models of words.

    seqzoo train recipes/language_model/penn_treebank.py --data DIR --seed 0
    seqzoo train recipes/language_model/penn_treebank.py --data DIR --seed 0 --out runs/wikitext2

Sources: 930,000 words of the Wall Street Journal with a vocabulary of 10,000, as Mikolov prepared
them, whose licence lets nobody ship them: DIR holds `ptb.train.txt`, `ptb.valid.txt` and
`ptb.test.txt`, plain or `.gz`. 2 million words of Wikipedia with a vocabulary of 33,278 (Merity et
al., 2016, https://arxiv.org/abs/1609.07843): DIR holds `wiki.train.tokens`, `wiki.valid.tokens` and
`wiki.test.tokens`. A line is a sentence or a paragraph, and its end is a token that is predicted
and counted. With no `--data`, the text is the reference of the language Python, which every
Python carries.

Expected on the Penn Treebank, `--seed 0 --precision mixed_bfloat16`: perplexity 93.6 on the test
text (100.5 in validation), 82 minutes on 2 cores of an Intel Xeon (AMX), most of them beside other
work; an epoch alone takes 2.2. With `--set training.epochs=15` 101.3. WikiText-2 has not been
measured yet.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from seqzoo import zoo
from seqzoo.datasets import plain_text
from seqzoo.preprocessing import WhitespaceTokenizer
from seqzoo.recipe import Figure, Recipe, TrainingOptions
from seqzoo.search import Greedy


@dataclasses.dataclass(frozen=True)
class Data:
    """The text is as it is."""


@dataclasses.dataclass(frozen=True)
class Model:
    """Sizes of the model, and what is dropped in its training.

    `embedding_dim` counts for `merity_2018`, as all rates but `dropout` do; in `zaremba_2014` it
    is `units`.
    """

    architecture: Literal["merity_2018", "zaremba_2014"] = "merity_2018"
    units: int = 512
    embedding_dim: int = 384
    layers: int = 2
    cell: Literal["lstm", "gru"] = "lstm"
    dropout: float = 0.25
    input_dropout: float = 0.35
    output_dropout: float = 0.4
    embedding_dropout: float = 0.1
    weight_drop: float = 0.3
    ar: float = 0.0
    tar: float = 0.0
    tie_embeddings: bool = True
    window_length: int = 35
    min_frequency: int = 1


def load(folder: Path | None, data: Data) -> dict:
    return plain_text.python_topics() if folder is None else plain_text.load(folder)


def build(splits: dict, model: Model):
    tokenizer = WhitespaceTokenizer(min_frequency=model.min_frequency)
    tokenizer.adapt(splits["train"])
    settings = dataclasses.asdict(model)
    builder = zoo.ZOO[settings.pop("architecture")]
    del settings["min_frequency"]
    if builder is zoo.zaremba_2014:
        for name in set(settings) & _OF_MERITY:
            settings.pop(name, None)
    return builder(tokenizer, **settings)


_OF_MERITY = {"embedding_dim", "input_dropout", "output_dropout", "embedding_dropout"}
_OF_MERITY |= {"weight_drop", "ar", "tar"}

recipe = Recipe(
    name="penn_treebank",
    load=load,
    build=build,
    data=Data(),
    model=Model(),
    training=TrainingOptions(
        epochs=26, batch_size=40, learning_rate=3e-3, schedule="cosine", warmup_steps=100
    ),
    search=Greedy(max_length=40),
    metrics={},
    examples=("the company said", "in new york"),
    figures=(
        Figure(
            "word perplexity, Penn Treebank, test",
            published="115.9 (small LSTM of tensorflow/models)",
            measured="93.6",
        ),
    ),
)
