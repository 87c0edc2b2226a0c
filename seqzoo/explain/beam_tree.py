"""The tree of a beam search: which hypotheses stay live, finish or are pruned."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from seqzoo.explain.figures import line_height, readable_labels, save, text_width, wrap
from seqzoo.files.atomic_write import write_atomically
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.search import BeamSearch, ExampleOptions
from seqzoo.tasks.request import InitialDecodingState

_COLORS = {"lived": "#1f5fa8", "finished": "#2a8a3a", "returned": "#2a8a3a", "died": "#b0b0b0"}
_COLUMN, _ROW, _MIN_WIDTH = 1.25, 0.24, 3.0  # inches of a step, a hypothesis and the axes


def beam_tree(
    task: Any,
    text: str,
    search: BeamSearch | None = None,
    path: str | Path | None = None,
) -> tuple[dict[str, Any], Figure]:
    """Follows a beam search over one text: every continuation that it ranked.

    The picture goes from left to right, a step a column, the most probable at the top; a line
    joins each token to the one that it follows. Live hypotheses are blue, finished
    ones green and framed if they were returned, and pruned ones grey.

    Args:
        task: A trained task that generates.
        text: One raw input.
        search: The beam; None is the search of the task.
        path: File of the picture, such as "tree.png"; the tree is written beside it as JSON,
            "tree.json". None writes neither.

    Returns:
        The tree, as JSON holds it: `text`, and `nodes`, each with `id`, `parent` (None at the
        first step), `step` (from 1), `group`, `token`, `log_prob`, `total` (the sum of log-probs),
        `score` (None where it did not finish), `fate` ("lived", "finished", "returned" or
        "died"); and the figure, which is no part of pyplot's state.

    Raises:
        ValueError: if the search is no beam, or `text` no text.
    """
    if not isinstance(text, str):
        raise ValueError(f"`text` must be one text. Received: {text!r}. Draw a tree for each.")
    search = task.search if search is None else search
    if not isinstance(search, BeamSearch):
        raise ValueError(
            f"A beam tree needs a beam search. Received: {search!r}. Pass "
            "`search=BeamSearch(width=5)`."
        )
    nodes = _with_tokens(task, text, _nodes(*_records(task, text, search)))
    tree = {"text": text, "nodes": nodes}
    figure = draw_tree(nodes)
    if path is not None:
        save(figure, path)
        written = json.dumps(tree, ensure_ascii=False, indent=1) + "\n"
        write_atomically(Path(path).with_suffix(".json"), written.encode())
    return tree, figure


def _records(task: Any, text: str, search: BeamSearch) -> tuple[dict[str, np.ndarray], Any]:
    search = task.complete(search)

    @tf.function(autograph=False)
    def run(raw):
        start = InitialDecodingState(*task.begin(task.preprocessor.prepare(raw), search))
        arguments = (task.step(), *start[:3], Tokenizer.end_id)
        options = ExampleOptions(source_mask=start.source_mask)
        return search.records(*arguments, options), search(*arguments, options)

    records, hypotheses = run(tf.constant([text]))
    return {name: value.numpy() for name, value in records.items()}, hypotheses


def _nodes(records: dict[str, np.ndarray], hypotheses: Any) -> list[dict[str, Any]]:
    lengths, returned = hypotheses.lengths.numpy()[0], hypotheses.token_ids.numpy()[0]
    answers = {tuple(row[:length]) for row, length in zip(returned, lengths, strict=True)}
    steps, groups = int(records["steps"]), records["token_ids"].shape[1]
    nodes, prefixes, ids = [], {}, {}
    for step, group, rank in np.ndindex(steps, groups, records["token_ids"].shape[2]):
        at = step, group, rank
        parent = (step - 1, group, int(records["origins"][at]))
        total = float(records["totals"][at])
        if not math.isfinite(total) or (step > 0 and parent not in ids):
            continue
        if step > 0 and nodes[ids[parent]]["fate"] != "lived":
            continue
        prefixes[at] = (*prefixes.get(parent, ()), int(records["token_ids"][at]))
        score = float(records["scores"][at])
        finished = math.isfinite(score)
        fate = "lived" if records["lives"][at] else "finished" if finished else "died"
        ids[at] = len(nodes)
        nodes.append(
            {
                "id": len(nodes),
                "parent": ids.get(parent) if step > 0 else None,
                "step": step + 1,
                "group": group,
                "token": prefixes[at][-1],
                "log_prob": float(records["token_log_probs"][at]),
                "total": total,
                "score": score if finished else None,
                "fate": "returned" if finished and prefixes[at] in answers else fate,
            }
        )
    return nodes


def _with_tokens(task: Any, text: str, nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ids = tf.constant([[node["token"] for node in nodes]], tf.int32)
    words = task.copied_words(task.preprocessor.as_raw([text]), whole=True)
    tokens = task.preprocessor.target_tokens(ids, *words).numpy()[0]
    return [
        {**node, "token": token.decode("utf-8")} for node, token in zip(nodes, tokens, strict=True)
    ]


def draw_tree(nodes: list[dict[str, Any]]) -> Figure:
    steps = max((node["step"] for node in nodes), default=1)
    columns: dict[int, list[dict[str, Any]]] = {}
    for node in nodes:
        columns.setdefault(node["step"], []).append(node)
    rows = max(map(len, columns.values()), default=1)
    positions = {
        node["id"]: (node["step"], row)
        for column in columns.values()
        for row, node in enumerate(sorted(column, key=lambda n: (n["group"], -n["total"])))
    }
    labels, families = readable_labels([node["token"] for node in nodes], 12)
    values = [node["total"] if node["score"] is None else node["score"] for node in nodes]
    labels = [f"{label}  {value:.2f}" for label, value in zip(labels, values, strict=True)]
    widths = [text_width([label], 8, families) for label in labels]
    column = max(_COLUMN, max(widths, default=0.0) + 0.45, _MIN_WIDTH / steps)
    title = "grey: pruned (sum)   blue: live (sum)   green: finished (score)"
    title = wrap(title, column * steps, 8)
    height = 0.8 + _ROW * (rows + 1) + line_height(8) * (1 + title.count("\n"))
    figure = Figure(figsize=(0.2 + column * steps, height), layout="constrained")
    axes = figure.subplots()
    ends = {}  # of each label, in steps, with a little space
    for node, label, width in zip(nodes, labels, widths, strict=True):
        x, y = positions[node["id"]]
        half = (width / 2 + 0.07) / column
        ends[node["id"]] = x + half
        color = _COLORS[node["fate"]]
        if node["parent"] is not None:
            before = ends[node["parent"]], positions[node["parent"]][1]
            thickness = 0.6 if node["fate"] == "died" else 1.3
            axes.plot([before[0], x - half], [before[1], y], color=color, lw=thickness)
        frame = {"boxstyle": "round,pad=0.2", "fc": "white"}
        frame |= {"ec": color if node["fate"] == "returned" else "white", "lw": 1.2}
        axes.text(
            *(x, y, label),
            **{"color": color, "fontsize": 8, "ha": "center", "va": "center"},
            **{"fontfamily": families, "bbox": frame, "parse_math": False},
        )
    axes.set(xlim=(0.5, steps + 0.5), ylim=(rows - 0.3, -0.7), xlabel="step", yticks=[])
    axes.set_xticks(range(1, steps + 1))
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.set_title(title, fontsize=8)
    return figure
