"""The picture that explains an answer, whatever the task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from seqzoo.explain.attention import attention_map
from seqzoo.explain.captions import caption_attention
from seqzoo.tasks.captioner import Captioner


def explain_answer(task: Any, example: Any, path: str | Path | None = None) -> Figure:
    """Draws what a task looked at when it answered: `attention_map`, or `caption_attention`.

    Args:
        task: A trained task whose decoder attends.
        example: One raw input.
        path: File to write; None writes none.

    Raises:
        ValueError: if the model has no attention, or no answer.
    """
    draw = caption_attention if isinstance(task, Captioner) else attention_map
    return draw(task, example, path)
