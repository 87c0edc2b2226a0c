"""What a recurrence remembers: the norms of its states, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from matplotlib.figure import Figure

from seqzoo.explain.figures import readable_labels, save
from seqzoo.explain.panels import Group, Panel, draw_panels
from seqzoo.explain.task_inputs import TaskInputs, block_stacks, read_input
from seqzoo.layers.mixers import MIXERS, RecurrentMixer, SelfAttention
from seqzoo.layers.mixers.mixer import mixer_hook
from seqzoo.layers.mixers.ttt import TTT
from seqzoo.training.state_probes import ProbedStates, probe_states

_TITLES = {
    "encoder": "what the encoder remembers after each token",
    "decoder": "what the decoder remembers after each token",
}


class StateNorms(NamedTuple):
    """The norms of one state of a layer.

    Attributes:
        layer: What the layer is called: the number of its block, from 1 on, and its mixer, or the
            name of a recurrent layer.
        state: Name of the state: `"h"` and `"c"` of an LSTM; `"hidden"` or `"memory"` of a mixer,
            as it is stored (of an mLSTM and an sLSTM divided by the exp of the largest gate);
            `"change of the weights"` of test-time training.
        norms: Float array `(heads, T)`: Euclidean norms after each step, of a matrix that of all
            its numbers. One row where the state has no heads.
    """

    layer: str
    state: str
    norms: np.ndarray


class Remembered(NamedTuple):
    """What the recurrences of a part of a model remember.

    Attributes:
        tokens: T readable tokens.
        states: `StateNorms` in the order in which the layers run.
    """

    tokens: list[str]
    states: list[StateNorms]


def state_norms(task: Any, example: Any) -> dict[str, Remembered]:
    """Measures the states of every mixer and recurrent cell after each token of one input.

    Mixers are stepped through, and cells are watched in their loop, so that the states are those
    with which the model answers. Attention has no state of one size and is left out.

    Args:
        task: A `Classifier`, `Tagger`, `SentenceEncoder`, `Seq2Seq`, `LanguageModel` or
            `MaskedLanguageModel` in which a mixer with a state or a recurrent layer runs.
        example: As in `attention_weights`.

    Returns:
        By name: `"encoder"`, `"decoder"`. The decoder is that of a language model too. What has no
        state is left out.

    Raises:
        ValueError: if nothing has a state, the task reads no text, or the text has no token or too
            many.

    Example:
        >>> words = sz.preprocessing.WordTokenizer()
        >>> words.adapt(["the cat sat"])
        >>> model = sz.zoo.zaremba_2014(words, units=8, layers=1)
        >>> remembered = sz.explain.state_norms(model, "the cat")["decoder"]
        >>> [(each.state, each.norms.shape) for each in remembered.states]
        [('h', (1, 3)), ('c', (1, 3))]
    """
    inputs = read_input(task, example)
    found = {}
    for part, tokens in inputs.tokens.items():
        states = _states_of(task, inputs, part)
        if states:
            found[part] = Remembered(tokens, states)
    if not found:
        raise ValueError(
            "State norms need a recurrent layer, or blocks with a mixer that has a state. "
            f"Received: a {type(task).__name__} without any. Draw `attention_weights` of it."
        )
    return found


def _states_of(task: Any, inputs: TaskInputs, part: str) -> list[StateNorms]:
    """Runs a part, and returns the norms of what has a state in it."""
    names = _names_of_blocks(task, part)
    called: list[tuple[Any, Any]] = []
    with (
        tf.GradientTape(watch_accessed_variables=False) as tape,
        probe_states(tape) as probed,
        mixer_hook(lambda mixer, values: called.append((mixer, values))),
    ):
        inputs.run[part]()
    seen, steps = [], len(inputs.tokens[part])
    for mixer, values in called:
        # Attention has no state of one size, and the cell of a recurrent mixer is probed.
        if id(mixer) in names and not isinstance(mixer, (SelfAttention, RecurrentMixer)):
            for state, norms in mixer_norms(mixer, values).items():
                seen.append(StateNorms(names[id(mixer)], state, norms))
    for each in probed:
        seen += _norms_of_cell(each, names.get(id(each.cell), each.name), steps)
    order = list(names.values())
    return sorted(seen, key=lambda each: order.index(each.layer) if each.layer in order else -1)


def _names_of_blocks(task: Any, part: str) -> dict[int, str]:
    """Returns what the mixers of a part, and the cells in them, are called, by their id."""
    stack, names = block_stacks(task).get(part), {}
    for i, block in enumerate(stack.blocks if stack else []):
        kinds = (name for name, kind in MIXERS.items() if type(block.mixer) is kind)
        kind = next(kinds, type(block.mixer).__name__)
        names[id(block.mixer)] = f"block {i + 1}, {kind}"
        if isinstance(block.mixer, RecurrentMixer):
            cell = block.mixer.recurrent.cell
            names[id(cell)] = f"block {i + 1}, {type(cell).__name__}"
    return names


def mixer_norms(mixer: Any, inputs: Any) -> dict[str, np.ndarray]:
    """Steps a mixer through inputs, in one scan, and measures its state after each.

    Args:
        mixer: A causal `SequenceMixer` that has been called, with a state of one size.
        inputs: Float tensor `(1, T, features)`.

    Returns:
        For each state by name norms `(heads, T)`, see `StateNorms`.
    """
    steps = inputs.shape[1]
    first = mixer.initial_state(1, steps)

    def run(inputs):
        def step(t, leaves, rows):
            state = keras.tree.pack_sequence_as(first, list(leaves))
            _, state = mixer.step(inputs[:, t], state)
            norms = tf.concat([_norms(each) for each in _memories(mixer, state).values()], axis=0)
            return t + 1, keras.tree.flatten(state), rows.write(t, norms)

        rows = tf.TensorArray(mixer.state_dtype, steps)
        loop = (0, [tf.convert_to_tensor(leaf) for leaf in keras.tree.flatten(first)], rows)
        return tf.while_loop(lambda t, *_: t < steps, step, loop)[2].stack()

    graph = tf.function(run, autograph=False).get_concrete_function(inputs)
    norms, found = graph(inputs).numpy().T, {}
    for name, memory in _memories(mixer, first).items():
        heads = len(_norms(memory))
        found[name], norms = norms[:heads], norms[heads:]
    return found


def _memories(mixer: Any, state: Any) -> dict[str, Any]:
    """Returns what a state holds of the steps so far, tensors `(1, ...)`, by name.

    The last inputs of a convolution, positions and the scales of other states are left out.
    """
    if isinstance(mixer, TTT):
        # What the next query would meet: the mini-batches before, and the one that is under way.
        size = ops.take(mixer.step_sizes(), ops.maximum(state.position - 1, 0))[0]
        heads = mixer.num_heads
        moved = [
            ops.reshape(change - size * total, (1, heads, 1, -1))
            for change, total in zip(state.changes, state.sums, strict=True)
        ]
        return {"change of the weights": ops.concatenate(moved, axis=-1)}
    fields = state._asdict()
    return {name: fields[name] for name in ("hidden", "memory") if name in fields}


def _norms(memory: Any) -> Any:
    """Returns the norm of each head of `(1, heads, K, V)`, and the one of a state of less axes."""
    memory = ops.cast(memory, keras.backend.result_type(memory.dtype, "float32"))
    heads = memory.shape[1] if len(memory.shape) == 4 else 1
    return ops.sqrt(ops.sum(ops.square(ops.reshape(memory, (heads, -1))), axis=-1))


def _norms_of_cell(probed: ProbedStates, name: str, steps: int) -> list[StateNorms]:
    """Returns the norms of a cell that ran over the tokens of one row; none of another one's.

    So characters of words, of which each word is a row, and time that is read with strides are
    left out.
    """
    states = [np.asarray(ops.cast(state, "float64")) for state in probed.states]
    if any(state.shape[:2] != (steps, 1) for state in states):
        return []
    names = ["h", "c"] if len(states) == 2 else ["h", *[f"state {i}" for i in range(2, 9)]]
    return [
        StateNorms(name, kind, np.linalg.norm(state.reshape(steps, -1), axis=1)[None])
        for kind, state in zip(names, states, strict=False)
    ]


def plot_state_norms(
    remembered: Mapping[str, Remembered], path: str | Path | None = None
) -> Figure:
    """Draws the norms: a row for each state and head, a column for each token.

    Each row has a scale of its own, from white at 0 to dark at its largest norm, which is written
    at its left.

    Args:
        remembered: Of `state_norms`.
        path: File to write, such as "states.png"; None writes none.

    Returns:
        The figure, which is no part of pyplot's state.
    """
    if not remembered:
        raise ValueError("There must be some states to draw. Received: none.")
    tokens = [token for each in remembered.values() for token in each.tokens]
    rows = [label for each in remembered.values() for s in each.states for label in _row_labels(s)]
    columns, families = readable_labels(tokens, 16)
    labels, more = readable_labels(rows, 80)
    given, panels = iter(columns), []
    left = iter(labels)
    for name, each in remembered.items():
        norms = np.concatenate([state.norms for state in each.states])
        shares = norms / np.maximum(norms.max(axis=1, keepdims=True), 1e-12)
        panels.append(
            Panel(
                shares,
                [Group("", [next(left) for _ in state.norms]) for state in each.states],
                [Group("", [next(given) for _ in each.tokens])],
                _TITLES.get(name, name),
                "share of the largest",
                1.0,
            )
        )
    figure = draw_panels(panels, list(dict.fromkeys([*families, *more])))
    if path is not None:
        save(figure, path)
    return figure


def _row_labels(state: StateNorms) -> list[str]:
    """Returns what stands beside the rows of a state."""
    heads = [f", head {i + 1}" for i in range(len(state.norms))] if len(state.norms) > 1 else [""]
    return [
        f"{state.layer}: {state.state}{head} (up to {norms.max():.3g})"
        for head, norms in zip(heads, state.norms, strict=True)
    ]
