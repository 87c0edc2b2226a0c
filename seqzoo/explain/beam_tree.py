"""Which hypotheses a beam search kept alive, and which it gave up."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from seqzoo.explain import pictures
from seqzoo.explain.readable_labels import readable_labels
from seqzoo.preprocessing.atomic_write import write_atomically
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.search import BeamSearch, ExampleOptions
from seqzoo.tasks.request import InitialDecodingState

_COLORS = {"lived": "#1f5fa8", "finished": "#2a8a3a", "returned": "#2a8a3a", "died": "#b0b0b0"}
_COLUMN, _ROW = 1.25, 0.24  # inches for a step and for a hypothesis


def beam_tree(
    task: Any,
    text: str,
    search: BeamSearch | None = None,
    path: str | Path | None = None,
) -> tuple[dict[str, Any], Figure]:
    """Follows a beam search over one text: every continuation that it looked at.

    The picture goes from left to right, a step a column, the most probable at the top; a line
    joins each token to the one that it follows. What lived is blue, what finished green and
    framed if it was returned, and what was given up grey.

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
    nodes = _nodes(task, *_records(task, text, search))
    tree = {"text": text, "nodes": nodes}
    figure = _draw(nodes)
    if path is not None:
        pictures.save(figure, path)
        written = json.dumps(tree, ensure_ascii=False, indent=1) + "\n"
        write_atomically(str(Path(path).with_suffix(".json")), written.encode())
    return tree, figure


def _records(task: Any, text: str, search: BeamSearch) -> tuple[dict[str, np.ndarray], Any]:
    search = task.complete(search)

    @tf.function(autograph=False)
    def run(raw):
        start = InitialDecodingState(*task.begin(task.prepare(raw), search))
        arguments = (task.step(), *start[:3], Tokenizer.end_id)
        options = ExampleOptions(source_mask=start.source_mask)
        return search.records(*arguments, options), search(*arguments, options)

    records, found = run(tf.constant([text]))
    return {name: value.numpy() for name, value in records.items()}, found


def _nodes(task: Any, records: dict[str, np.ndarray], found: Any) -> list[dict[str, Any]]:
    lengths, returned = found.lengths.numpy()[0], found.token_ids.numpy()[0]
    answers = {tuple(ids[:length]) for ids, length in zip(returned, lengths, strict=True)}
    steps, groups = int(records["steps"]), records["token_ids"].shape[1]
    nodes, said, names = [], {}, {}
    for step, group, place in np.ndindex(steps, groups, records["token_ids"].shape[2]):
        at = step, group, place
        parent = (step - 1, group, int(records["origins"][at]))
        total = float(records["totals"][at])
        if not math.isfinite(total) or (step > 0 and parent not in names):
            continue
        if step > 0 and nodes[names[parent]]["fate"] != "lived":
            continue
        said[at] = (*said.get(parent, ()), int(records["token_ids"][at]))
        score = float(records["scores"][at])
        finished = math.isfinite(score)
        fate = "lived" if records["lives"][at] else "finished" if finished else "died"
        names[at] = len(nodes)
        nodes.append(
            {
                "id": len(nodes),
                "parent": names.get(parent) if step > 0 else None,
                "step": step + 1,
                "group": group,
                "token": said[at][-1],
                "log_prob": float(records["token_log_probs"][at]),
                "total": total,
                "score": score if finished else None,
                "fate": "returned" if finished and said[at] in answers else fate,
            }
        )
    return _with_words(task, nodes)


def _with_words(task: Any, nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ids = tf.constant([node["token"] for node in nodes], tf.int32)
    words = task.preprocessor.target_tokens(ids).numpy()
    return [
        {**node, "token": word.decode("utf-8")} for node, word in zip(nodes, words, strict=True)
    ]


def _draw(nodes: list[dict[str, Any]]) -> Figure:
    steps = max((node["step"] for node in nodes), default=1)
    columns: dict[int, list[dict[str, Any]]] = {}
    for node in nodes:
        columns.setdefault(node["step"], []).append(node)
    rows = max(map(len, columns.values()), default=1)
    size = (1 + _COLUMN * steps, 1 + _ROW * (rows + 1))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    places = {
        node["id"]: (node["step"], row)
        for column in columns.values()
        for row, node in enumerate(sorted(column, key=lambda n: (n["group"], -n["total"])))
    }
    labels, families = readable_labels([node["token"] for node in nodes])
    for node, label in zip(nodes, labels, strict=True):
        x, y = places[node["id"]]
        color = _COLORS[node["fate"]]
        if node["parent"] is not None:
            before = places[node["parent"]]
            width = 0.6 if node["fate"] == "died" else 1.3
            axes.plot([before[0] + 0.28, x - 0.36], [before[1], y], color=color, lw=width)
        value = node["total"] if node["score"] is None else node["score"]
        frame = {"boxstyle": "round,pad=0.2", "fc": "white"}
        frame |= {"ec": color if node["fate"] == "returned" else "white", "lw": 1.2}
        axes.text(
            *(x, y, f"{label}  {value:.2f}"),
            **{"color": color, "fontsize": 8, "ha": "center", "va": "center"},
            **{"fontfamily": families, "bbox": frame, "parse_math": False},
        )
    axes.set(xlim=(0.4, steps + 0.6), ylim=(rows - 0.3, -0.7), xlabel="step", yticks=[])
    axes.set_xticks(range(1, steps + 1))
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.set_title("grey: given up (sum)   blue: lived (sum)   green: finished (score)", fontsize=8)
    return figure
