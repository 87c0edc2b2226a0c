"""Every picture of the library, drawn from given answers of small, long and foreign inputs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf

from seqzoo import explain
from seqzoo.explain.beam_tree import draw_tree

RNG = np.random.default_rng(0)
LONG = "Donaudampfschifffahrtsgesellschaft"  # longer than a label may be
SCRIPTS = ["Привет", "κόσμε", "مرحبا", "שלום", "▁größe", "$x_1$", "␣↵⇥"]
LONG_NAME = "bidirectional_encoder_of_the_source_sentences/forward_layer_cell_"


def words(count: int, kind: str = "short") -> list[str]:
    each = {"short": ["ab", "the"], "long": [LONG, "W" * 20], "scripts": SCRIPTS}[kind]
    return [each[i % len(each)] for i in range(count)]


def names(count: int, stem: str) -> list[str]:
    return [f"{i} {stem}" for i in range(count)]


def attention_map(source: list[str], generated: list[str]):
    weights = RNG.dirichlet(np.ones(len(source)), len(generated))
    answer = SimpleNamespace(tokens=generated, alignment=weights)
    task: Any = SimpleNamespace(
        generate=lambda inputs, return_hypotheses: [[answer]], source_tokens=lambda text: source
    )
    return explain.attention_map(task, "")


def tree(steps: int, width: int, kind: str):
    fates = ["lived", "finished", "returned", "died"]
    nodes = [
        {
            "id": step * width + row,
            "parent": (step - 1) * width if step else None,
            "step": step + 1,
            "group": 0,
            "token": token,
            "log_prob": -1.0,
            "total": -123.4 - row,
            "score": -12.3 if row % 4 in (1, 2) else None,
            "fate": fates[row % 4],
        }
        for step in range(steps)
        for row, token in enumerate(words(width, kind))
    ]
    return draw_tree(nodes)


def captioner(inputs: dict[str, Any], tokens: list[str], steps: int, grid: tuple = ()) -> Any:
    weights = RNG.dirichlet(np.ones(steps), len(tokens))
    answer = SimpleNamespace(tokens=tokens, alignment=weights)

    def reader(raw):
        return {name: tf.constant(value) for name, value in inputs.items()}

    reader.as_raw = list
    return SimpleNamespace(
        encoder=SimpleNamespace(grid=grid),
        preprocessor=SimpleNamespace(reader=reader),
        generate=lambda inputs, return_hypotheses: [[answer]],
    )


def of_image(tokens: list[str], height: int = 20, width: int = 20):
    pixels = RNG.integers(0, 255, (1, height, width, 3), dtype=np.uint8)
    return explain.caption_attention(captioner({"images": pixels}, tokens, 4, (2, 2)), None)


def of_frames(frames: int, tokens: list[str]):
    pixels = RNG.integers(0, 255, (1, frames, 20, 20, 3), dtype=np.uint8)
    inputs = {"frames": pixels, "mask": np.ones((1, frames), bool)}
    return explain.caption_attention(captioner(inputs, tokens, frames), None)


def sheet(captions: list[str], height: int = 20, width: int = 20):
    pixels = RNG.integers(0, 255, (1, height, width, 3), dtype=np.uint8)
    task = captioner({"images": pixels}, ["a"], 4)
    return explain.contact_sheet([None] * len(captions), captions, task)


def classifier(labels: list[str], multi_label: bool = False) -> Any:
    known = SimpleNamespace(names=labels, index=labels.index, check=lambda *_: None)
    return SimpleNamespace(
        preprocessor=SimpleNamespace(labels=known),
        head=SimpleNamespace(multi_label=multi_label),
        classify=lambda inputs: [labels[:1] if multi_label else labels[0]] * len(inputs),
        probabilities=lambda inputs: RNG.dirichlet(np.ones(len(labels)), len(inputs)),
    )


def confusion(labels: list[str], each: int = 1, multi_label: bool = False):
    examples = [("", [label] if multi_label else label) for label in labels] * each
    return explain.confusion_matrix(classifier(labels, multi_label), examples)


def reliability(count: int):
    labels = ["a", "b", "c"]
    return explain.reliability_diagram(classifier(labels), [("", "a")] * count)


def exposure(models: list[str], steps: int):
    shares = np.linspace(0.9, 0.3, steps)
    bias = explain.ExposureBias(0.85, 0.75, shares, shares**2, np.full(steps, 9))
    return explain.plot_exposure_bias(dict.fromkeys(models, bias))


def flow(layers: list[str], steps: int, smallest: float = 1e-3):
    norms = np.geomspace(smallest, 1, steps)
    flows = [explain.LayerFlow(name, norms, -0.7, steps, 0.5, "vanishing") for name in layers]
    return explain.plot_gradient_flow(explain.GradientFlow(tuple(flows), "last state"))


def curves(panels: list[str], epochs: int, scale: float = 1.0):
    values = list(scale * (1 + 1e-3 * RNG.random(epochs)))
    history = {name: values for panel in panels for name in (panel, f"val_{panel}")}
    return explain.learning_curves(history)


class TextClassifier:
    """Gives a text's tokens and a random probability without each."""

    def __init__(self, tokens: list[str], label: str):
        self.head = SimpleNamespace(readout=lambda outputs: outputs)
        self.preprocessor = SimpleNamespace(
            tokens=lambda text: tokens,
            as_raw=tf.constant,
            encode_inputs=lambda raw: raw,
            pack_inputs=lambda encoded: {"inputs": tf.zeros((1, len(tokens)), tf.int32)},
            labels=SimpleNamespace(names=[label]),
        )

    def __call__(self, inputs):
        return tf.random.stateless_uniform((len(inputs["mask"]), 1), (0, 1))


def attribution(tokens: list[str], label: str = "yes"):
    return explain.attribution(TextClassifier(tokens, label), "")


def tags(tokens: list[str], labels: list[str]):
    task = SimpleNamespace(
        preprocessor=SimpleNamespace(labels=SimpleNamespace(names=labels)),
        marginals=lambda texts: [RNG.dirichlet(np.ones(len(labels)), len(tokens))],
        tag=lambda texts: [[labels[i % len(labels)] for i in range(len(tokens))]],
    )
    return explain.tag_probabilities(task, tokens)


def heads(layers: int, count: int, queries: list[str], keys: list[str], *names: str):
    weights = RNG.dirichlet(np.ones(len(keys)), (layers, count, len(queries)))
    each = explain.AttentionWeights(weights, list(range(layers)), queries, keys)
    return explain.plot_attention_weights(dict.fromkeys(names or ["decoder"], each))


def states(layers: list[str], count: int, tokens: list[str], *names: str):
    norms = RNG.random((count, len(tokens)))
    each = [explain.StateNorms(layer, "memory", norms) for layer in layers]
    remembered = dict.fromkeys(names or ["decoder"], explain.Remembered(tokens, each))
    return explain.plot_state_norms(remembered)


def surprise(tokens: list[str], given: str = ""):
    log_probs = -RNG.exponential(2, len(tokens))
    ranks = np.ones(len(tokens), int)
    found = explain.TokenProbabilities(tokens, log_probs, ranks, -log_probs, given)
    return explain.plot_token_probabilities(found)


SENTENCE = "a man in a red shirt " * 12
PICTURES = {
    "attention-1x1": lambda: attention_map(["a"], ["b"]),
    "attention-60x60-long": lambda: attention_map(words(60, "long"), words(60, "long")),
    "attention-1x60": lambda: attention_map(["a"], words(60, "long")),
    "attention-60x1": lambda: attention_map(words(60, "long"), ["b"]),
    "attention-scripts": lambda: attention_map(words(7, "scripts"), words(7, "scripts")),
    "attention-700": lambda: attention_map(words(700, "long"), words(5)),
    "tree-1": lambda: tree(1, 1, "short"),
    "tree-1-long": lambda: tree(1, 2, "long"),
    "tree-6x10": lambda: tree(6, 10, "short"),
    "tree-20x6-long": lambda: tree(20, 6, "long"),
    "tree-scripts": lambda: tree(4, 8, "scripts"),
    "tree-2x60": lambda: tree(2, 60, "short"),
    "image-1": lambda: of_image(["a"]),
    "image-20-long": lambda: of_image(words(20, "long")),
    "image-scripts-wide": lambda: of_image(words(8, "scripts"), 10, 80),
    "image-tall": lambda: of_image(words(8, "long"), 80, 10),
    "frames-1x1": lambda: of_frames(1, ["a"]),
    "frames-1x60-long": lambda: of_frames(1, words(60, "long")),
    "frames-60x5": lambda: of_frames(60, words(5)),
    "frames-300": lambda: of_frames(300, words(5)),
    "frames-scripts": lambda: of_frames(4, words(7, "scripts")),
    "sheet-1": lambda: sheet(["a"]),
    "sheet-1-long": lambda: sheet([SENTENCE]),
    "sheet-8-long": lambda: sheet([SENTENCE, "W" * 200, "a", ""] * 2),
    "sheet-scripts-wide": lambda: sheet([" ".join(SCRIPTS)] * 5, 10, 80),
    "sheet-tall": lambda: sheet([SENTENCE] * 5, 80, 10),
    "confusion-1": lambda: confusion(["a"]),
    "confusion-2-large": lambda: confusion(["no", "yes"], 200_000),
    "confusion-60-long": lambda: confusion(names(60, LONG)),
    "confusion-25": lambda: confusion(names(25, LONG), 9_999),
    "confusion-labels-200": lambda: confusion(names(200, LONG), multi_label=True),
    "confusion-labels": lambda: confusion(names(60, LONG), multi_label=True),
    "confusion-scripts": lambda: confusion(SCRIPTS),
    "reliability-1": lambda: reliability(1),
    "reliability-many": lambda: reliability(1_000_000),
    "exposure-1": lambda: exposure(["a"], 1),
    "exposure-20-long": lambda: exposure(names(20, LONG_NAME), 60),
    "flow-1": lambda: flow(["rnn"], 1),
    "flow-underflow": lambda: flow(["rnn"], 1000, smallest=1e-305),
    "flow-30-long": lambda: flow(names(30, LONG_NAME), 1000),
    "curves-1": lambda: curves(["loss"], 1),
    "curves-11-long": lambda: curves(names(11, "crf_token_accuracy_of_" + LONG_NAME), 60),
    "curves-large": lambda: curves(["loss", "perplexity"], 10_000, 1e9),
    "attribution-1": lambda: attribution(["a"]),
    "attribution-1-long": lambda: attribution([LONG], LONG_NAME * 3),
    "attribution-60": lambda: attribution(words(60, "long"), "a"),
    "attribution-512": lambda: attribution(words(512), LONG_NAME),
    "attribution-scripts": lambda: attribution(words(7, "scripts"), "Привет $x$"),
    "tags-1": lambda: tags(["a"], ["O"]),
    "tags-60-long": lambda: tags(words(60, "long"), names(30, LONG_NAME)),
    "tags-400": lambda: tags(words(400), ["O", "B-PER"]),
    "tags-3x99": lambda: tags(words(3), names(99, "B-X")),
    "heads-1": lambda: heads(1, 1, ["a"], ["b"]),
    "heads-3": lambda: heads(2, 4, words(1, "long"), words(2), "encoder", "decoder", "cross"),
    "heads-9x8": lambda: heads(9, 8, words(5), words(4, "long")),
    "heads-200": lambda: heads(1, 2, words(200), words(200)),
    "heads-scripts": lambda: heads(2, 2, words(7, "scripts"), words(7, "scripts")),
    "states-1": lambda: states(["h"], 1, ["a"], "encoder", "decoder"),
    "states-9x4-long": lambda: states(names(9, LONG_NAME), 4, words(60, "long")),
    "states-300": lambda: states(["block 1, mamba"], 1, words(300)),
    "states-scripts": lambda: states(["a"], 2, words(7, "scripts")),
    "surprise-1": lambda: surprise(["a"]),
    "surprise-1-long": lambda: surprise([LONG], SENTENCE),
    "surprise-60-long": lambda: surprise(words(60, "long")),
    "surprise-lines": lambda: surprise(["a", "b", "↵", "␣"] * 40),
    "surprise-scripts": lambda: surprise(words(7, "scripts"), "Привет $x$"),
    "tags-scripts": lambda: tags(words(7, "scripts"), ["O", "B-Ж"]),
}
"""By name, what draws each kind of picture."""
