"""Every public object says what it is, with shapes where it has tensors, and shows its use."""

import doctest
import inspect
import re

import pytest

import seqzoo as sz

FOLDERS = tuple(name for name in sz.__all__ if inspect.ismodule(getattr(sz, name)))

TENSOR_FOLDERS = {"decoders", "encoders", "heads", "layers", "ops"}
"""The folders each of whose objects takes or returns tensors."""

SHAPES_ELSEWHERE = {
    *("preprocessing.convert_tags", "preprocessing.detect_scheme"),  # lists of tags
    *("preprocessing.piece_as_text", "preprocessing.piece_of_text"),  # lists of keys
    *("preprocessing.transposed", "preprocessing.reverse_complement"),  # texts
    *("search.search_from_config", "search.search_to_config"),  # dicts
    *("search.BeamSearch", "search.Greedy", "tasks.Task"),  # in the methods
    *("tasks.Filling", "tasks.TagPath", "tasks.load"),  # no tensors
}
"""What stands in a folder of tensors and has none, or describes them in its methods."""

WITHOUT_EXAMPLE = {
    **dict.fromkeys(
        ["tfds_captions.Examples", "tfds_captions.load", "tfds_classification.load"],
        "downloads with TFDS",
    ),
    "tfds_translation.load": "downloads with TFDS",
    **dict.fromkeys(["baselines.Baseline", "baselines.Comparison"], "what `baselines` returns"),
    "training.average_checkpoints": "needs checkpoints of a run",
    "training.learn_words": "trains for seconds, and prints how long",
    "export.Servable": "a protocol that is not checked at run time",
    "export.saved_model": "writes for seconds; the pages of docs/ do it",
    "importing.load": "needs the files of a published model",
}
"""Objects without an example, and why."""

WITHOUT_EXAMPLE_FOLDERS = {
    "datasets": "scenes, clips and loaders of files: those that users meet first have one",
    "explain": "pictures: the notebooks and the pages show them",
}
"""Folders of which not every object has an example, and why."""

SHAPE = re.compile(r"\((?:[A-Za-z][\w ]*|\.\.\.|…|\d+)(?: \* \w+)?,[^()]*\)")


def own_names(module):
    """The public names that a module defines itself."""
    defined = [
        k for k, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__
    ]
    return [name for name in defined if not name.startswith("_")]


def public_objects():
    """The classes and functions of the public face by their names, each once."""
    found, seen = {}, set()

    def add(name, value):
        if inspect.ismodule(value):
            own = [
                k for k, v in vars(value).items() if getattr(v, "__module__", "") == value.__name__
            ]
            for each in getattr(value, "__all__", [k for k in own if not k.startswith("_")]):
                add(f"{name}.{each}", getattr(value, each))
        elif (inspect.isclass(value) or inspect.isroutine(value)) and id(value) not in seen:
            seen.add(id(value))
            found[name] = value

    for folder in FOLDERS:
        for name in getattr(sz, folder).__all__:
            add(f"{folder}.{name}", getattr(getattr(sz, folder), name))
    return found


OBJECTS = public_objects()


def docstring(value):
    """The docstring of an object's own; that of a base class does not count."""
    text = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
    return inspect.cleandoc(text or "")


def examples(value):
    return doctest.DocTestParser().get_examples(docstring(value))


def test_what_stands_under_seqzoo_itself_stands_in_a_folder():
    for name in sz.__all__:
        value = getattr(sz, name)
        assert name == "__version__" or inspect.ismodule(value) or value in OBJECTS.values()


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_public_object_says_what_it_is(folder):
    names = [name for name in OBJECTS if name.startswith(f"{folder}.")]
    assert names
    assert [name for name in names if not docstring(OBJECTS[name])] == []


@pytest.mark.parametrize("folder", [*sorted(TENSOR_FOLDERS), "preprocessing", "search", "tasks"])
def test_shapes_stand_where_there_are_tensors(folder):
    names = {name for name in OBJECTS if name.startswith(f"{folder}.")} - SHAPES_ELSEWHERE
    assert [name for name in names if not SHAPE.search(docstring(OBJECTS[name]))] == []


@pytest.mark.parametrize(
    "folder", [name for name in FOLDERS if name not in WITHOUT_EXAMPLE_FOLDERS]
)
def test_every_public_object_has_an_example(folder):
    names = {name for name in OBJECTS if name.startswith(f"{folder}.")} - WITHOUT_EXAMPLE.keys()
    assert [name for name in names if not examples(OBJECTS[name])] == []
