"""Which pictures suit a task, and all of them in one folder."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from seqzoo.decoders import RecurrentDecoder
from seqzoo.encoders import LanguageEncoder, RecurrentEncoder
from seqzoo.explain.attention_map import attention_map
from seqzoo.explain.attention_weights import attention_weights, plot_attention_weights
from seqzoo.explain.backtest_pictures import plot_backtest, plot_calibration, plot_skill
from seqzoo.explain.caption_pictures import caption_attention, contact_sheet
from seqzoo.explain.class_pictures import confusion_matrix, reliability_diagram
from seqzoo.explain.forecast_fan import forecast_fan
from seqzoo.explain.motifs import motifs, plot_motifs
from seqzoo.explain.piano_roll import plot_piano_roll
from seqzoo.explain.state_norms import plot_state_norms, state_norms
from seqzoo.explain.task_inputs import block_stacks
from seqzoo.explain.token_pictures import attribution, tag_probabilities
from seqzoo.explain.token_probabilities import plot_token_probabilities, token_probabilities
from seqzoo.layers.mixers import SelfAttention
from seqzoo.ops.option_names import check_known
from seqzoo.preprocessing.labelled_residues import LabelledResidues
from seqzoo.preprocessing.music import piano_roll
from seqzoo.preprocessing.tagged_residues import TaggedResidues
from seqzoo.tasks.backtest import Backtest
from seqzoo.tasks.captioner import Captioner
from seqzoo.tasks.forecaster import Forecaster
from seqzoo.tasks.frame_model import FrameModel
from seqzoo.tasks.language_model import LanguageModel
from seqzoo.tasks.masked_language_model import MaskedLanguageModel
from seqzoo.tasks.seq2seq import Seq2Seq

Draw = Callable[[Any, Any, str | Path | None], Figure]
"""`draw(task, example, path)`."""

Write = Callable[[str | Path | None], Figure]
"""`write(path)` draws a picture, and writes it where there is a path."""

PICTURES = (
    *("attention", "probabilities", "attribution", "tags", "heads", "states"),
    *("fan", "backtest", "skill", "calibration", "roll"),
)
"""The names of all pictures of one input."""

_READ, _LOOKED_INTO = 400, 48  # characters of a text in a run's pictures; tokens of a list
_MOST_ORIGINS = 500  # of a backtest that is drawn


def explain_input(
    task: Any, example: Any, path: str | Path | None = None, picture: str | None = None
) -> Figure:
    """Draws what the answer to one input depends on.

    Args:
        task: A trained task.
        example: A raw input; of a forecaster series, such as the path of a CSV file.
        path: File to write, such as "map.png"; None writes none.
        picture: Which one; None is the first of these that suits the task:
            `"attention"`, from each answered token to the source (of a captioner, to the image);
            `"probabilities"` of each token of a text to a language model, or of a target;
            `"attribution"`, the effects of the tokens on a classifier; `"tags"`, the probabilities
            of all tags; `"heads"`, the attention of all heads of all blocks; `"states"`, what
            recurrences remember. Of a forecaster: `"fan"`, the forecast behind the end;
            `"backtest"`, forecasts of the past and their errors; `"skill"` at each step of the
            horizon; `"calibration"` of quantiles. Of a model of frames: `"roll"`, a piece and how
            it goes on.

    Raises:
        ValueError: if there is no such picture of the task, or of the input.
    """
    pictures = _pictures_of(task)
    if not pictures:
        raise ValueError(f"There is no picture for the inputs of a {type(task).__name__}.")
    name = next(iter(pictures)) if picture is None else picture
    check_known("picture", name, PICTURES)
    if name not in pictures:
        raise ValueError(
            f"There is no picture {name!r} of this {type(task).__name__}. It has: "
            f"{', '.join(pictures)}."
        )
    return pictures[name](task, example, path)


def run_pictures(
    task: Any,
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    examples: Sequence[Any],
    folder: Path,
    say: Callable[[str], None],
) -> None:
    """Writes all pictures that suit a trained task to a folder; states where it does not attend.

    Args:
        task: The task.
        inputs: Of which the first is drawn, and of a captioner all; of a language model, what is
            drawn is the beginning of the first of `examples`, if there are any. What is drawn of
            heads and states is its beginning too.
        outputs: What the task answered to each.
        examples: Pairs of raw input and reference, or texts, or series.
        folder: Where the pictures go.
        say: Called with the reason why a picture is missing.
    """
    drawings: list[tuple[str, Callable[[Path], Any]]] = []
    pictures = {} if isinstance(task, Forecaster) else _pictures_of(task)
    if pictures.keys() & {"attention", "heads"}:
        pictures.pop("states", None)
    is_language_model = isinstance(task, (LanguageModel, MaskedLanguageModel))
    if is_language_model:
        inputs = [text for text in examples if text.strip()] or list(outputs) or inputs
    elif "probabilities" in pictures:  # the task's own answer is in the map of its attention
        del pictures["probabilities"]
    for name, draw in pictures.items() if len(inputs) else ():
        count = _LOOKED_INTO if name in ("heads", "states") else _READ
        example = inputs[0][:count] if is_language_model or count < _READ else inputs[0]
        drawings.append(
            (
                f"{name}.png",
                lambda path, draw=draw, example=example: draw(task, example, path),
            )
        )
    if hasattr(task, "classify") and examples:
        for name, draw_all in (
            ("confusion.png", confusion_matrix),
            ("reliability.png", reliability_diagram),
        ):
            drawings.append((name, lambda path, draw_all=draw_all: draw_all(task, examples, path)))
    if isinstance(task.preprocessor, (LabelledResidues, TaggedResidues)) and examples:
        sequences = [sequence for sequence, _ in examples]
        drawings.append(("motifs.png", lambda path: plot_motifs(motifs(task, sequences), path)))
    if isinstance(task, Captioner) and len(inputs):
        drawings.append(("captions.png", lambda path: contact_sheet(inputs, outputs, task, path)))
    if isinstance(task, Forecaster):
        found = _forecast_drawings(task, examples, hold_out=True)
        drawings += [(f"{name}.png", write) for name, write in found.items()]
    for name, write in drawings:
        try:
            write(folder / name)
        except ValueError as error:  # a model may have no attention, or no answer
            say(f"no {name}: {error}")


def _pictures_of(task: Any) -> dict[str, Draw]:
    """Returns the pictures of one input of a task by name, the most telling first."""
    if isinstance(task, Forecaster):
        names = _forecast_drawings(task, None, hold_out=False)
        return {name: functools.partial(_draw_forecast, name) for name in names}
    if isinstance(task, Captioner):
        return {"attention": caption_attention}
    if isinstance(task, FrameModel):
        return {"roll": _draw_continued}
    pictures: dict[str, Draw] = {}
    decoder = getattr(task, "decoder", None)
    if hasattr(task, "source_tokens") and _aligns(decoder):
        pictures["attention"] = attention_map
    if hasattr(task, "classify"):
        pictures["attribution"] = attribution
    if hasattr(task, "tag"):
        pictures["tags"] = tag_probabilities
    if isinstance(task, (LanguageModel, MaskedLanguageModel)):
        pictures["probabilities"] = _draw_probabilities
    stacks = block_stacks(task).values()
    if any(stack.attends or stack.blocks[0].cross_attention for stack in stacks):
        pictures["heads"] = _draw_heads
    parts = (getattr(task, "encoder", None), decoder)
    recurrent = (RecurrentEncoder, LanguageEncoder, RecurrentDecoder)
    mixers = [block.mixer for stack in stacks for block in stack.blocks]
    if any(isinstance(part, recurrent) for part in parts) or any(
        not isinstance(mixer, SelfAttention) for mixer in mixers
    ):
        pictures["states"] = _draw_states
    if isinstance(task, Seq2Seq):
        pictures["probabilities"] = _draw_probabilities
    return pictures


def _aligns(decoder: Any) -> bool:
    """Whether a decoder says where it looks in the source."""
    return getattr(decoder, "attention", True) is not None and getattr(decoder, "alignments", True)


def _forecast_drawings(task: Forecaster, data: Any, hold_out: bool) -> dict[str, Write]:
    """The pictures of a forecaster on series by name, the most telling first."""

    @functools.cache
    def tested() -> Backtest:
        panel = task.preprocessor.read(data)
        count = len(task.preprocessor.windows(panel).origins)
        return task.backtest(panel, stride=max(1, math.ceil(count / _MOST_ORIGINS)))

    drawings: dict[str, Write] = {
        "fan": lambda path: forecast_fan(task, data, path, hold_out=hold_out),
        "backtest": lambda path: plot_backtest(tested(), path),
        "skill": lambda path: plot_skill(tested(), path),
    }
    if getattr(task.head, "levels", ()):
        drawings["calibration"] = lambda path: plot_calibration(tested(), path)
    return drawings


def _draw_forecast(name: str, task: Any, example: Any, path: str | Path | None) -> Figure:
    return _forecast_drawings(task, example, hold_out=False)[name](path)


def _draw_probabilities(task: Any, example: Any, path: str | Path | None) -> Figure:
    return plot_token_probabilities(token_probabilities(task, example), path)


def _draw_heads(task: Any, example: Any, path: str | Path | None) -> Figure:
    return plot_attention_weights(attention_weights(task, example), path)


def _draw_states(task: Any, example: Any, path: str | Path | None) -> Figure:
    return plot_state_norms(state_norms(task, example), path)


def _draw_continued(task: FrameModel, example: Any, path: str | Path | None) -> Figure:
    rolls = task.preprocessor
    (given,) = rolls.pieces([piano_roll(example, rolls.lowest, rolls.key_count)])
    (drawn,) = task.generate([given])
    return plot_piano_roll([*given, *drawn], path, len(given))
