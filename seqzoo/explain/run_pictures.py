"""The pictures that suit a task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from seqzoo.explain.attention import attention_map
from seqzoo.explain.captions import caption_attention, contact_sheet
from seqzoo.explain.classes import confusion_matrix, reliability_diagram
from seqzoo.explain.token_effects import attribution, tag_probabilities
from seqzoo.tasks.captioner import Captioner

# By what a task can do, the picture of one input and the name of its file.
_OF_INPUTS = {
    "generate": (attention_map, "attention.png"),
    "classify": (attribution, "attribution.png"),
    "tag": (tag_probabilities, "tags.png"),
}


def explain_input(task: Any, example: Any, path: str | Path | None = None) -> Figure:
    """Draws what the answer to one input hangs on, as it suits the task.

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
        say: Is told why a picture is missing.
    """
    wanted: list[tuple[str, Callable[[Path], Any]]] = []
    if len(inputs):
        try:
            draw, name = _picture_of(task)
            wanted.append((name, lambda path: draw(task, inputs[0], path)))
        except ValueError:  # nothing is known of such a task
            return
    if examples and hasattr(task, "classify"):
        for name, draw_all in (
            ("confusion.png", confusion_matrix),
            ("reliability.png", reliability_diagram),
        ):
            wanted.append((name, lambda path, draw_all=draw_all: draw_all(task, examples, path)))
    if isinstance(task, Captioner) and len(inputs):
        wanted.append(("captions.png", lambda path: contact_sheet(inputs, outputs, task, path)))
    for name, write in wanted:
        try:
            write(folder / name)
        except ValueError as error:  # a model may have no attention, or no answer
            say(f"no {name}: {error}")


def _picture_of(task: Any) -> tuple[Callable, str]:
    if isinstance(task, Captioner):
        return caption_attention, "attention.png"
    for method, found in _OF_INPUTS.items():
        if hasattr(task, method):
            return found
    raise ValueError(f"There is no picture for the inputs of a {type(task).__name__}.")
