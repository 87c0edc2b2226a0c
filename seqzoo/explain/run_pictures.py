"""Which pictures suit a task, and all of them in one folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from seqzoo.explain.attention_map import attention_map
from seqzoo.explain.caption_pictures import caption_attention, contact_sheet
from seqzoo.explain.class_pictures import confusion_matrix, reliability_diagram
from seqzoo.explain.token_pictures import attribution, tag_probabilities
from seqzoo.tasks.captioner import Captioner

# By the method that a task has, the picture of one input and the name of its file.
_OF_INPUTS = {
    "generate": (attention_map, "attention.png"),
    "classify": (attribution, "attribution.png"),
    "tag": (tag_probabilities, "tags.png"),
}


def explain_input(task: Any, example: Any, path: str | Path | None = None) -> Figure:
    """Draws what the answer to one input depends on.

    A map of attention for a task that generates (of a captioner, over the image), the effects of
    the tokens for a classifier, the probabilities of all tags for a tagger.

    Raises:
        ValueError: if there is no such picture of the task, or of the input.
    """
    draw, _ = _picture_of(task)
    return draw(task, example, path)


def run_pictures(
    task: Any,
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    examples: Sequence[tuple[Any, Any]],
    folder: Path,
    say: Callable[[str], None],
) -> None:
    """Writes all pictures that suit a trained task to a folder.

    Args:
        task: The task.
        inputs: Of which the first is drawn, and of a captioner all.
        outputs: What the task answered to each.
        examples: Pairs of raw input and reference.
        folder: Where the pictures go.
        say: Called with the reason why a picture is missing.
    """
    drawings: list[tuple[str, Callable[[Path], Any]]] = []
    if len(inputs):
        try:
            draw, name = _picture_of(task)
            drawings.append((name, lambda path: draw(task, inputs[0], path)))
        except ValueError:  # there is no picture for such a task
            return
    if examples and hasattr(task, "classify"):
        for name, draw_all in (
            ("confusion.png", confusion_matrix),
            ("reliability.png", reliability_diagram),
        ):
            drawings.append((name, lambda path, draw_all=draw_all: draw_all(task, examples, path)))
    if isinstance(task, Captioner) and len(inputs):
        drawings.append(("captions.png", lambda path: contact_sheet(inputs, outputs, task, path)))
    for name, write in drawings:
        try:
            write(folder / name)
        except ValueError as error:  # a model may have no attention, or no answer
            say(f"no {name}: {error}")


def _picture_of(task: Any) -> tuple[Callable, str]:
    if isinstance(task, Captioner):
        return caption_attention, "attention.png"
    for method, picture in _OF_INPUTS.items():
        if hasattr(task, method):
            return picture
    raise ValueError(f"There is no picture for the inputs of a {type(task).__name__}.")
