"""Every layer of the library with arguments that it can be called on: the rows of the laws.

The registries are the tables. A new cell, attention or direction is a row here without a line.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest

from seqzoo.decoders import BlockDecoder, CaptionDecoder, LanguageDecoder, RecurrentDecoder
from seqzoo.encoders import (
    BlockEncoder,
    Encoded,
    FeatureEncoder,
    GraphEncoder,
    ImageEncoder,
    LanguageEncoder,
    RecurrentEncoder,
    VideoEncoder,
)
from seqzoo.encoders.recurrent import DIRECTIONS
from seqzoo.encoders.video import READINGS
from seqzoo.layers import (
    ActivationRegularization,
    BatchNormalization,
    Bidirectional,
    DroppedEmbedding,
    GatedGraph,
    GraphAttention,
    GraphConvolution,
    GRUCell,
    LocationSensitiveAttention,
    LockedDropout,
    MonotonicChunkwiseAttention,
    MultiHeadAttention,
    Recurrent,
    RecurrentStack,
    SelfAttentionPooling,
    make_blocks,
)
from seqzoo.layers.attention import ATTENTIONS
from seqzoo.layers.cells import CELLS
from seqzoo.layers.recurrent.stack import SKIPS

BATCH, TIME, SOURCE, UNITS, FEATURES, EMBEDDING, VALUES, VOCABULARY = 3, 4, 5, 6, 7, 8, 9, 11
MASK = np.array([[1, 0, 1, 1], [0, 1, 1, 0], [0, 0, 0, 0]], "bool")
SOURCE_MASK = np.array([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]], "bool")


class Case(NamedTuple):
    """`make(**options)` is a new layer, which can be called as `layer(**arguments)`."""

    make: Callable[..., Any]
    arguments: dict[str, Any]


def normal(*shape):
    return np.random.default_rng(shape).normal(size=shape)


def ids(*shape):
    return np.random.default_rng(shape).integers(1, VOCABULARY, size=shape).astype("int32")


CELL_MAKERS = CELLS | {"gru_reset_before": partial(GRUCell, reset_after=False)}
ATTENTION_MAKERS = ATTENTIONS | {
    "location, narrow": partial(LocationSensitiveAttention, filters=2, kernel_size=3),
    "location, cumulative": partial(
        LocationSensitiveAttention, filters=3, kernel_size=4, cumulative=True
    ),
    "mocha, wide": partial(MonotonicChunkwiseAttention, chunk_width=3, initial_offset=0.5),
}
STATEFUL = [
    name
    for name in ATTENTION_MAKERS
    if name.startswith(("location", "coverage", "mocha", "monotonic"))
]

DECODERS: dict[str, dict[str, Any]] = {
    "previous, maxout": {"attend_from": "previous", "readout": "maxout", "cell": "gru"},
    "previous, tanh": {"attend_from": "previous", "attention": "concat", "layers": 2},
    "current, maxout": {"readout": "maxout", "attention": "general", "bridge": "zero", "layers": 3},
    "current, tanh": {"attention": "scaled_dot", "cell": "simple"},
    "input feeding": {"input_feeding": True, "bridge": "copy", "layers": 2},
    "location": {"attention": "location", "layers": 2},
    "coverage": {"attention": "coverage", "attend_from": "previous", "cell": "gru"},
    "multi-head": {"attention": "multi_head", "input_feeding": True},
    "mocha": {"attention": "mocha", "input_feeding": True},
    "no attention": {"attention": None, "readout": "none", "bridge": "copy", "layers": 2},
    "first input": {"attention": None, "first_input": True, "readout": "none", "layers": 2},
    "gated context": {"gate_context": True, "attend_from": "previous", "readout": "maxout"},
    "gated reading": {"gate_context": True, "even_reading": 0.5, "layers": 2, "cell": "gru"},
}


def block_decoder(**options):
    blocks = make_blocks(EMBEDDING, 2, num_heads=2, causal=True, cross_attention=True, **options)
    return BlockDecoder(VOCABULARY, EMBEDDING, blocks, "sinusoidal", **options)


def block_encoder(positions, **options):
    blocks = make_blocks(EMBEDDING, 2, num_heads=2, **options)
    return BlockEncoder(VOCABULARY, EMBEDDING, blocks, positions, **options)


REGISTERED_DECODERS = {
    "blocks": block_decoder,
    "recurrent": partial(RecurrentDecoder, VOCABULARY, EMBEDDING, UNITS, bridge="zero"),
    "caption": partial(
        CaptionDecoder,
        VOCABULARY,
        embedding_dim=EMBEDDING,
        units=UNITS,
        bridge="zero",
        gate_context=True,
    ),
    "language": lambda **options: LanguageDecoder(
        LanguageEncoder(VOCABULARY, EMBEDDING, UNITS, **options), **options
    ),
}
"""A new decoder of every row of the registry, that can be called on rows of several examples."""


def value_width(attention):
    """The scalar product wants queries and values of one width, the others do not."""
    return UNITS if attention in ("dot", "scaled_dot") else VALUES


def make_decoder(options, **more):
    for_captions = {"first_input", "gate_context", "even_reading"} & set(options)
    kind = CaptionDecoder if for_captions else RecurrentDecoder
    sizes = {"embedding_dim": EMBEDDING, "units": UNITS}
    return kind(VOCABULARY, **sizes, **options, **more)


def encoded_for(options, batch=BATCH) -> Encoded:
    """What an encoder could hand to a decoder of these options."""
    layers, sizes = options.get("layers", 1), CELLS[options.get("cell", "lstm")](UNITS).state_size
    copied = options.get("bridge") == "copy"
    state = [[normal(batch, UNITS if copied else 5) + i for _ in sizes] for i in range(layers)]
    outputs = normal(batch, SOURCE, value_width(options.get("attention", "additive")))
    return Encoded(outputs, state, SOURCE_MASK[:batch])


def decoder_case(options):
    arguments = {"token_ids": ids(BATCH, TIME), "encoded": encoded_for(options)}
    return Case(partial(make_decoder, options), arguments)


def recurrent(make_cell, reverse, checkpoint_steps=None, **options):
    return Recurrent(
        make_cell(UNITS, **options),
        reverse=reverse,
        return_sequences=True,
        return_state=True,
        checkpoint_steps=checkpoint_steps,
        **options,
    )


def bidirectional(make_cell, **options):
    return Bidirectional(make_cell(UNITS, **options), **options)


def stack(skip, **options):
    cells = [GRUCell(UNITS, **options), CELLS["lstm"](UNITS, **options)]
    layers = [
        *(Recurrent(c, return_sequences=True, return_state=True, **options) for c in cells),
        Recurrent(CELLS["simple"](UNITS, **options), True, True, True, **options),
    ]
    return RecurrentStack(layers, skip, **options)


SEQUENCE = {"inputs": normal(BATCH, TIME, FEATURES), "mask": MASK}
TOKENS = {"inputs": ids(BATCH, TIME), "mask": MASK}
ENCODER = {"layers": 2, "skip": "residual", "cell": "gru"}

RECURRENTS = {
    f"recurrent {name}": Case(partial(recurrent, make, False), SEQUENCE)
    for name, make in CELL_MAKERS.items()
}
RECURRENTS |= {
    "recurrent keras cell": Case(partial(recurrent, keras.layers.GRUCell, False), SEQUENCE)
}
RECURRENTS |= {
    "reversed lstm": Case(partial(recurrent, CELLS["lstm"], True), SEQUENCE),
    "recurrent lstm, in chunks": Case(partial(recurrent, CELLS["lstm"], False, 3), SEQUENCE),
}
RECURRENTS |= {
    f"bidirectional {name}": Case(partial(bidirectional, make), SEQUENCE)
    for name, make in CELL_MAKERS.items()
}
RECURRENTS |= {
    f"encoder {name}": Case(
        partial(RecurrentEncoder, VOCABULARY, EMBEDDING, UNITS, direction=name, **ENCODER), TOKENS
    )
    for name in DIRECTIONS
}
RECURRENTS |= {
    f"encoder forward of text, {cell}": Case(
        partial(
            LanguageEncoder,
            *(VOCABULARY, EMBEDDING, UNITS),
            **{"layers": 2, "residual": True, "cell": cell, "output_units": output_units},
        ),
        TOKENS,
    )
    for cell, output_units in (("lstm", VALUES), ("min_gru", None))
}

PIXELS, FRAMES = normal(BATCH, 4, 6, 3), normal(BATCH, TIME, 4, 6, 3)


def image_encoder(**options):
    own = {"dtype": options.get("dtype")}
    backbone = keras.layers.Conv2D(FEATURES, 3, strides=2, padding="same", **own)
    return ImageEncoder(backbone, 4, 6, UNITS, **options)


def video_encoder(reading, **options):
    return VideoEncoder(image_encoder(**options), TIME, VALUES, reading, "gru", **options)


ENCODERS = {
    "encoder of images": Case(image_encoder, {"inputs": PIXELS}),
    "encoder of features": Case(
        partial(FeatureEncoder, SOURCE, FEATURES, UNITS),
        {"inputs": normal(BATCH, SOURCE, FEATURES)},
    ),
}
ENCODERS |= {
    f"encoder of videos, {reading}": Case(
        partial(video_encoder, reading),
        {"inputs": FRAMES, "mask": MASK},
    )
    for reading in READINGS
}

RECURRENTS |= {f"stack {skip}": Case(partial(stack, skip), SEQUENCE) for skip in SKIPS}

LAYERS = RECURRENTS | {
    f"attention {name}": Case(
        partial(make, UNITS),
        {
            "query": normal(BATCH, TIME, UNITS),
            "memory": normal(BATCH, SOURCE, value_width(name)),
            "mask": SOURCE_MASK,
        },
    )
    for name, make in ATTENTION_MAKERS.items()
}
LAYERS |= {
    "attention causal": Case(
        partial(MultiHeadAttention, 2, 3, causal=True),
        {"query": normal(BATCH, TIME, UNITS), "memory": normal(BATCH, TIME, VALUES), "mask": MASK},
    ),
    "attention pooling": Case(
        partial(SelfAttentionPooling, UNITS, hops=2, penalty=0.5),
        {"values": normal(BATCH, TIME, FEATURES), "mask": MASK},
    ),
}
LAYERS |= {f"decoder, {name}": decoder_case(options) for name, options in DECODERS.items()}


def language_decoder(**options):
    return LanguageDecoder(
        LanguageEncoder(VOCABULARY, EMBEDDING, UNITS, layers=2, **options), **options
    )


LAYERS |= {
    "decoder of blocks": Case(
        block_decoder, {"token_ids": ids(BATCH, TIME), "encoded": encoded_for({})}
    ),
    "encoder of blocks": Case(partial(block_encoder, "learned"), TOKENS),
}
LAYERS |= {"decoder, language": Case(language_decoder, {"token_ids": ids(BATCH, TIME)})}

REGULARIZERS = {
    "regularizer of activations": Case(partial(ActivationRegularization, 0.5, 0.25), SEQUENCE),
    "regularizer by locked dropout": Case(
        partial(LockedDropout, 0.5), {"inputs": SEQUENCE["inputs"]}
    ),
    "regularizer by dropped words": Case(
        partial(DroppedEmbedding, VOCABULARY, EMBEDDING, rate=0.5), {"inputs": TOKENS["inputs"]}
    ),
}
EDGES = np.array([[[0, 1, 2], [2, 2, 3], [2, 1, 2], [2, 1, 0]]] * BATCH, "int32")
OF_GRAPHS = {"nodes": normal(BATCH, TIME, FEATURES), "edges": EDGES, "mask": MASK}
GRAPHS = {
    "graph convolution": Case(partial(GraphConvolution, UNITS, activation="tanh"), OF_GRAPHS),
    "graph attention": Case(partial(GraphAttention, UNITS, heads=2), OF_GRAPHS),
    "graph attention, dynamic": Case(
        partial(GraphAttention, UNITS, heads=3, scores="dynamic", average=True), OF_GRAPHS
    ),
    "graph, gated": Case(partial(GatedGraph, VALUES, steps=2, type_count=3), OF_GRAPHS),
}


def graph_encoder(**options):
    layers = [GraphConvolution(FEATURES, **options), GatedGraph(VALUES, type_count=3, **options)]
    return GraphEncoder(VOCABULARY, EMBEDDING, layers, keep_inputs=True, **options)


GRAPHS["encoder of graphs"] = Case(
    graph_encoder, {"inputs": {"nodes": ids(BATCH, TIME), "edges": EDGES}, "mask": MASK}
)
LAYERS |= REGULARIZERS | ENCODERS | GRAPHS
LAYERS["normalization of a batch"] = Case(
    BatchNormalization, {"inputs": normal(BATCH, 2, 4, FEATURES)}
)

BOTH_WAYS_BY_DEFAULT = ("lstm", "gru", "min_gru", "lru")


def law_rows(names):
    """The rows of a law. Both directions of most cells are slow: each cell runs forward as well."""
    slow = {f"bidirectional {cell}" for cell in CELL_MAKERS if cell not in BOTH_WAYS_BY_DEFAULT}
    return [pytest.param(n, marks=pytest.mark.slow) if n in slow else n for n in names]
