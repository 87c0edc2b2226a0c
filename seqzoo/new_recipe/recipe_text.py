"""The text of a recipe: how its data are read, and a model of the zoo to begin with."""

from __future__ import annotations

import importlib.util
import itertools
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seqzoo.amounts import STEPS, STEPS_OF_CLASSES, choose_amounts
from seqzoo.new_recipe.layouts import Layout, as_code

_SEEN = 2000  # examples
_LETTERS_IN_A_WORD = 15  # mean, above which a script puts no spaces between words
_CHARACTERS = 5_000_000  # of a text, above which its sub-words are learned
_CHARACTERS_IN_A_SUBWORD = 4
_WINDOW = 64  # tokens of a running text that a step reads of each row
_OWN_TOKENS = 1_000_000  # of training texts, up to which embeddings begin with vectors of these


class Model(NamedTuple):
    """The body of `build`, and what it and the recipe need.

    Attributes:
        body: Lines of code.
        names: What they use of `seqzoo.preprocessing`.
        examples: The number of training examples, or of windows of a running text.
        tokens: Of an example, about.
        watched: The validation metric whose best epoch is kept, if it is not the loss.
        learning_rate: The highest of the training, as code.
        search: The search of the recipe, as code; "" for a task that does not search.
        vectors: What embeddings begin with, "own" or "", which `--set model.vectors` changes; None
            for a task without this setting.
        steps: Of the training, about.
    """

    body: str
    names: tuple[str, ...]
    examples: int
    tokens: float
    watched: str = ""
    learning_rate: str = "1e-3"
    search: str = ""
    vectors: str | None = None
    steps: int = STEPS


class Tokens(NamedTuple):
    """A tokenizer: the name of its class and the code that makes one."""

    name: str
    code: str


def recipe_text(
    kind: str,
    data: Path,
    layout: Layout,
    shares: Mapping[str, Any],
    splits: Mapping[str, Any],
    file: Path,
) -> str:
    """Returns the text of a recipe.

    Args:
        kind: "classifier", "tagger", "translator", "language-model" or "captioner".
        data: The file or folder.
        layout: How its examples are read.
        shares: The arguments of `splits.divide`.
        splits: What `load` returns.
        file: The file that the text is for.
    """
    model = _model(kind, splits)
    search = f", search={model.search}" if model.search else ""
    search_import = (
        f"from seqzoo.search import {model.search.partition('(')[0]}\n" if search else ""
    )
    watched = f'    monitor="{model.watched}",\n    mode="max",\n' if model.watched else ""
    batch_size, epochs = choose_amounts(model.examples, model.tokens, steps=model.steps)
    load = load_code(layout, shares)
    modules = [layout.reading.module, *(["splits"] if "splits." in load else [])]
    has_vectors = model.vectors is not None
    modules += ["unlabelled_text"] if has_vectors else []
    dataclass = "from dataclasses import dataclass\n" if has_vectors else ""
    settings = _VECTORS.format(vectors=model.vectors) if has_vectors else ""
    given = ", model=Model()" if has_vectors else ""
    return f'''"""A {kind.replace("-", " ")} of {data.name}; change it as you like.

    seqzoo train {shlex.quote(file.name)} --set training.epochs={2 * epochs}
"""

{dataclass}from pathlib import Path

from seqzoo import zoo
from seqzoo.datasets import {", ".join(sorted(modules))}
from seqzoo.preprocessing import {", ".join(sorted(model.names))}
from seqzoo.recipe import Recipe, TrainingOptions
{search_import}
DATA = Path({as_code(str(data.resolve()))})
{settings}

def load(folder, data):
    path = folder or DATA  # `--data` gives another folder or file
{load}

def build(splits, model):
{model.body}

training = TrainingOptions(
    epochs={epochs},
    batch_size={batch_size},
    learning_rate={model.learning_rate},
    schedule="cosine",
{watched})
recipe = Recipe(load=load, build=build, training=training{given}{search})
'''


_VECTORS = """

@dataclass(frozen=True)
class Model:
    # "own" texts or the path of a plain one: embeddings begin with which words are near each other
    vectors: str = "{vectors}"
"""


def load_code(layout: Layout, shares: Mapping[str, Any]) -> str:
    """Returns the lines of `load` that read and divide the examples."""
    reading, files = layout.reading, layout.files
    if layout.has_splits:
        if reading.module != "parallel_text":
            return f"    return {reading.code('path')}\n"
        settings = "".join(f", {name}={value}" for name, value in shares.items())
        return (
            f"    parts = {reading.code('path')}\n"
            f'    return splits.divide(parts.pop("train"), **parts{settings})\n'
        )
    given = {
        split: reading.code(f"path / {as_code(name)}")
        for split, name in files.items()
        if split != "train"
    }
    train = reading.code(f"path / {as_code(files['train'])}" if files else "path")
    variable = ""
    if reading.files:
        pairs = (f"        {as_code(k)}: path / {as_code(v)},\n" for k, v in reading.files.items())
        variable = "    files = {\n" + "".join(pairs) + "    }\n"
    arguments = [train]
    arguments += [f"{name}={given.get(name, as_code(value))}" for name, value in shares.items()]
    line = f"    return splits.divide({', '.join(arguments)})\n"
    if len(line) <= 100:
        return variable + line
    lines = "".join(f"        {argument},\n" for argument in arguments)
    return f"{variable}    return splits.divide(\n{lines}    )\n"


def _model(kind: str, splits: Mapping[str, Any]) -> Model:
    """A model to begin with, whose tokens suit the training examples."""
    train: Sequence[Any] = splits["train"]
    count, first = len(train), list(itertools.islice(train, _SEEN))
    if kind == "classifier":
        texts = [text for text, _ in first]
        tokens = _tokens_of_script(texts)
        body = f"""\
    tokenizer = {tokens.code}
    preprocessor = LabelledText(tokenizer, max_length=400, keep="both", bigrams=True)
    preprocessor.adapt(splits["train"])
    task = zoo.kim_2014(preprocessor, embedding_dropout=0.2, label_smoothing=0.1)
    if model.vectors:
        texts = [text for text, _ in splits["train"]]
        texts = texts if model.vectors == "own" else unlabelled_text.load([model.vectors])
        assign_vectors(task.encoder.embedding, tokenizer, texts)
    return task
"""
        names = ("LabelledText", "assign_vectors", tokens.name)
        length = _length(texts, tokens)
        watched, steps = "val_accuracy", STEPS_OF_CLASSES
        vectors = "own" if count * length <= _OWN_TOKENS else ""
        return Model(body, names, count, length, watched, vectors=vectors, steps=steps)
    if kind == "tagger":
        from seqzoo.preprocessing.tag_schemes import detect_scheme  # it loads TensorFlow

        scheme = detect_scheme(tags for split in splits.values() for _, tags in split)
        spans = f', scheme="{scheme}"' if scheme else ""
        body = f"""\
    words = TokenLookup(lowercase=True)
    preprocessor = TaggedTokens(words, CharacterTokenizer())
    preprocessor.adapt(splits["train"])
    task = zoo.ma_2016(preprocessor, dropout=0.4, unknown_rate=0.15{spans})
    if model.vectors:
        texts = [" ".join(tokens) for tokens, _ in splits["train"]]
        texts = texts if model.vectors == "own" else unlabelled_text.load([model.vectors])
        tokenizer = WhitespaceTokenizer(lowercase=True, vocabulary=words.vocabulary)
        assign_vectors(task.features.embedding, tokenizer, texts)
    return task
"""
        names = ("CharacterTokenizer", "TaggedTokens", "TokenLookup", "WhitespaceTokenizer")
        names = ("assign_vectors", *names)
        length = sum(len(tokens) for tokens, _ in first) / len(first)
        watched = "val_entity_f1" if scheme else "val_token_accuracy"
        return Model(body, names, count, length, watched, "2e-3", vectors="")
    if kind == "translator":
        texts = [text for pair in first for text in pair]
        tokens = _tokens_to_generate(texts)
        body = f"""\
    source = {tokens.code}
    target = {tokens.code}
    source.adapt(text for text, _ in splits["train"])
    target.adapt(text for _, text in splits["train"])
    return zoo.bahdanau_2015(source, target, units=256, embedding_dim=128, dropout=0.3)
"""
        length = 2 * _length(texts, tokens)
        return Model(
            body, (tokens.name,), count, length, search='BeamSearch(width=5, stop="settled")'
        )
    if kind == "language-model":
        characters = sum(map(len, train))
        tokens = _tokens_of_text(first, characters)
        body = f"""\
    tokenizer = {tokens.code}
    tokenizer.adapt(splits["train"])
    return zoo.zaremba_2014(
        tokenizer,
        units=256,
        layers=1,
        embedding_dim=128,
        dropout=0.2,
        end_tokens={count > 1},
        window_length={_WINDOW},
    )
"""
        windows = _length(first, tokens) * count / _WINDOW
        search = "Sample(temperature=0.8, max_length=100)"
        return Model(
            body,
            (tokens.name,),
            max(1, round(windows)),
            _WINDOW,
            learning_rate="2e-3",
            search=search,
        )
    frequency = 2 if sum(len(captions) for _, captions in train) > _SEEN else 1
    body = f"""\
    words = WordTokenizer(lowercase=True, min_frequency={frequency})
    words.adapt(caption for _, captions in splits["train"] for caption in captions)
    return zoo.xu_2015(words, height=64, units=256, embedding_dim=128, dropout=0.5)
"""
    return Model(body, ("WordTokenizer",), count, 0, search='BeamSearch(width=3, stop="settled")')


_LETTERS = Tokens("CharacterTokenizer", "CharacterTokenizer()")


def _tokens_of_script(texts: Sequence[str]) -> Tokens:
    """Words; characters in scripts that put no spaces between words."""
    if _characters_in_a_word(texts) > _LETTERS_IN_A_WORD:
        return _LETTERS
    code = "WordTokenizer(lowercase=True, vocabulary_size=20_000)"
    return Tokens("WordTokenizer", code)


def _tokens_to_generate(texts: Sequence[str]) -> Tokens:
    """Characters of single words, else sub-words, so that no word is unknown."""
    words = sum(len(text.split()) for text in texts) / max(1, len(texts))
    if words < 2 and _characters_in_a_word(texts) <= _LETTERS_IN_A_WORD:
        return _LETTERS
    if importlib.util.find_spec("tensorflow_text") is None:  # it has no wheels everywhere
        return Tokens("WordTokenizer", "WordTokenizer(min_frequency=2)")
    size = "4000" if len(set().union(*texts)) < 500 else "8000"
    return Tokens("SubwordTokenizer", f"SubwordTokenizer(vocabulary_size={size})")


def _tokens_of_text(texts: Sequence[str], characters: int) -> Tokens:
    """Words of a text whose rare ones are `<unk>`, characters of a small one, else sub-words."""
    if any("<unk>" in text for text in texts):
        return Tokens("WhitespaceTokenizer", "WhitespaceTokenizer()")
    return _LETTERS if characters < _CHARACTERS else _tokens_to_generate(texts)


def _length(texts: Sequence[str], tokens: Tokens) -> float:
    """The mean length of texts in tokens, about."""
    size = {"CharacterTokenizer": 1, "SubwordTokenizer": _CHARACTERS_IN_A_SUBWORD}.get(tokens.name)
    lengths = [len(text) / size if size else len(text.split()) for text in texts]
    return sum(lengths) / max(1, len(texts))


def _characters_in_a_word(texts: Sequence[str]) -> float:
    words = sum(len(text.split()) for text in texts)
    return sum(map(len, texts)) / max(1, words)
