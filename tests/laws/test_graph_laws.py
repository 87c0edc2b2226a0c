"""What holds for every layer over graphs, and each against its equations and another library."""

import keras
import numpy as np
import pytest
from derivatives import assert_all_close, differentiate, randomize
from keras import ops
from tracing import compiled

from seqzoo.encoders import Encoded, GraphEncoder
from seqzoo.layers import GRAPH_LAYERS, GatedGraph, GraphAttention, GraphConvolution
from seqzoo.ops.graphs import flat_edges, softmax_at_targets

B, N, E, F, U, TYPES = 3, 5, 7, 3, 4, 3
RNG = np.random.default_rng(0)
NODES = RNG.normal(size=(B, N, F))
# The first graph has a self-loop and parallel edges, the second two nodes, the third none.
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]], bool)
EDGES = np.zeros((B, E, 3), "int32")
EDGES[0] = [[0, 1, 1], [1, 2, 2], [2, 2, 2], [3, 1, 1], [3, 1, 1], [4, 2, 0], [1, 1, 0]]
EDGES[1, :2] = [[1, 2, 0], [0, 1, 3]]  # the second one ends at padding

OPTIONS = {
    "convolution": {"activation": "tanh"},
    "attention": {"heads": 2},
    "gated": {"steps": 3, "type_count": TYPES},
}
VARIANTS = {name: (GRAPH_LAYERS[name], options) for name, options in OPTIONS.items()} | {
    "dynamic attention": (GraphAttention, {"heads": 2, "scores": "dynamic"}),
    "averaged attention": (GraphAttention, {"heads": 3, "average": True, "activation": "elu"}),
    "gated, one way": (GatedGraph, {"type_count": TYPES, "both_ways": False}),
}
everywhere = pytest.mark.parametrize("name", VARIANTS)


def make(name, **more):
    kind, options = VARIANTS[name]
    layer = kind(U, **options | more, dtype="float64")
    layer.build((None, None, F))
    return randomize(layer)


def call(layer, nodes=NODES, edges=EDGES, mask=MASK):
    given = ops.convert_to_tensor(nodes), ops.convert_to_tensor(edges, "int32")
    return ops.convert_to_numpy(layer(*given, mask=ops.convert_to_tensor(mask)))


def both_ways_of(edges, mask, both_ways):
    """The edges of one graph as (source, kind, target), padding left out."""
    found = []
    for source, kind, target in edges:
        real = kind > 0 and max(source, target) < len(mask) and mask[source] and mask[target]
        found += [(source, kind - 1, target)] if real else []
        if real and both_ways and source != target:
            found.append((target, kind - 1 + TYPES - 1, source))
    return found


def dense_convolution(layer, x, edges):
    kernel, bias = layer.get_weights()
    matrix = np.eye(len(x))
    for source, _, target in edges:
        matrix[target, source] += 1
    roots = np.sqrt(matrix.sum(axis=1))
    return np.tanh((matrix / roots[:, None] / roots) @ x @ kernel + bias)


def dense_attention(layer, x, edges):
    weights = {weight.name: np.asarray(weight) for weight in layer.weights}
    values = np.stack(np.split(x @ weights["kernel"], layer.heads, axis=1))  # (heads, N, width)
    counts = np.eye(len(x))
    for source, _, target in edges:
        counts[target, source] += 1
    results = []
    for head, of_head in enumerate(values):
        own = weights["source_scores"][head]
        if layer.scores == "static":
            to_target = of_head @ weights["target_scores"][head]
            scores = (of_head @ own)[None, :] + to_target[:, None]
            scores = np.where(scores > 0, scores, 0.2 * scores)
        else:
            targets = np.split(x @ weights["target_kernel"], layer.heads, axis=1)[head]
            both = of_head[None, :] + targets[:, None]  # (target, source, width)
            scores = np.where(both > 0, both, 0.2 * both) @ own
        shares = counts * np.exp(scores)
        results.append(shares / shares.sum(axis=1, keepdims=True) @ of_head)
    joined = np.mean(results, axis=0) if layer.average else np.concatenate(results, axis=1)
    joined = joined + weights["bias"]
    return np.where(joined > 0, joined, np.expm1(joined)) if layer.average else joined


def dense_gated(layer, x, edges):
    kernel, bias, inputs, recurrent, gate_bias = layer.get_weights()
    state = np.pad(x, [(0, 0), (0, U - F)])
    matrices = np.zeros((layer.kinds, len(x), len(x)))
    for source, kind, target in edges:
        matrices[kind, target, source] += 1
    for _ in range(layer.steps):
        messages = sum(a @ (state @ k + b) for a, k, b in zip(matrices, kernel, bias, strict=True))
        z, r, g = np.split(messages @ inputs + gate_bias[0], 3, axis=1)
        hz, hr, hg = np.split(state @ recurrent + gate_bias[1], 3, axis=1)
        z, r = 1 / (1 + np.exp(-z - hz)), 1 / (1 + np.exp(-r - hr))
        state = z * state + (1 - z) * np.tanh(g + r * hg)
    return state


def test_every_layer_of_the_registry_is_tested_here():
    assert OPTIONS.keys() == GRAPH_LAYERS.keys()


@everywhere
def test_a_layer_is_its_equations_with_dense_matrices(name):
    layer = make(name)
    reference = {GraphConvolution: dense_convolution, GraphAttention: dense_attention}
    dense = reference.get(type(layer), dense_gated)
    found = call(layer)
    for row in range(B):
        real = int(MASK[row].sum())
        edges = both_ways_of(EDGES[row], MASK[row], layer.both_ways)
        if real:
            expected = dense(layer, NODES[row, :real], edges)
            np.testing.assert_allclose(found[row, :real], expected, atol=1e-12)
        assert (found[row, real:] == 0).all()


@everywhere
def test_the_order_of_nodes_and_edges_changes_nothing(name):
    layer, order = make(name), np.array([3, 0, 4, 1, 2])
    place = np.argsort(order)
    edges = EDGES[:1, [4, 0, 6, 2, 1, 5, 3]].copy()
    edges[..., 0], edges[..., 2] = place[edges[..., 0]], place[edges[..., 2]]
    found = call(layer, NODES[:1, order], edges, MASK[:1])
    np.testing.assert_allclose(found, call(layer, NODES[:1], EDGES[:1], MASK[:1])[:, order])


@everywhere
def test_padding_changes_nothing_and_a_graph_alone_is_as_in_a_batch(name):
    layer = make(name)
    whole = call(layer)
    nodes, mask = np.pad(NODES, [(0, 0), (2, 1), (0, 0)]), np.pad(MASK, [(0, 0), (2, 1)])
    nodes[~mask] = 7.0
    edges = EDGES + np.where(EDGES[..., 1:2] > 0, [2, 0, 2], 0)
    edges = np.pad(edges.astype("int32"), [(0, 0), (1, 2), (0, 0)])
    np.testing.assert_allclose(call(layer, nodes, edges, mask)[:, 2:-1], whole, atol=1e-12)
    alone = call(layer, NODES[1:2, :2], EDGES[1:2, :1], MASK[1:2, :2])
    np.testing.assert_allclose(alone, whole[1:2, :2], atol=1e-12)


@pytest.mark.parametrize("name", [*OPTIONS, "dynamic attention"])
def test_graphs_and_xla_give_the_values_and_gradients_of_eager(name):
    layer = make(name)
    arguments = {"nodes": NODES, "edges": EDGES, "mask": MASK}

    def run(arguments):
        return differentiate(layer, arguments, layer.trainable_variables)

    expected = run(arguments)
    for jit_compile in (False, True):
        found = compiled(run, jit_compile, like=[arguments])(arguments)
        for one, other in zip(found, expected, strict=True):
            assert_all_close(one, other, atol=1e-10)


# One graph, both directions of whose edges are given, and weights, by torch_geometric 2.8.1 on
# torch 2.13.0 in float64: GCNConv, GATConv and GATv2Conv of two heads, GatedGraphConv of two steps
# whose weights are alike.
PEERS = {
    "convolution": [
        [0.112418, 0.356762, 0.930068, 1.77791],
        [0.994779, 0.627354, 1.232529, 1.913502],
        [-1.463807, -0.860663, 0.865328, 1.672916],
        [-0.055166, -0.583712, 1.404835, 1.822471],
    ],
    "attention": [
        [0.099852, 0.460921, 0.841718, 1.721484],
        [0.355414, 0.475899, 1.575708, 1.976237],
        [-2.940658, -1.701359, 0.775944, 1.602891],
        [-0.823962, -0.792016, 2.472308, 2.16238],
    ],
    "dynamic attention": [
        [0.109031, 0.453459, 0.839957, 1.741383],
        [0.171791, 0.490402, 2.191151, 2.125087],
        [-2.275035, -1.280185, 0.775944, 1.602891],
        [-1.578266, -0.979118, 2.472308, 2.16238],
    ],
    "gated": [
        [-0.916626, -0.241774, -0.880526, 0.3261],
        [-0.232998, -0.805967, 0.992396, -1.0],
        [-0.832261, 0.434292, -0.807573, 0.512894],
        [-0.63577, 0.08184, 0.544295, -0.998286],
    ],
}


@pytest.mark.parametrize("name", PEERS)
def test_a_layer_gives_what_that_of_torch_geometric_gives(name):
    rng = np.random.default_rng(0)

    def normal(*shape):
        return np.round(rng.normal(size=shape), 3)

    nodes = normal(4, 3)
    edges = [[0, 1, 1], [1, 1, 0], [1, 1, 2], [2, 1, 3], [3, 1, 1], [0, 1, 1], [1, 1, 3]]
    kernel, targets, a, c, bias = normal(3, 4), normal(3, 4), normal(2, 2), normal(2, 2), normal(4)
    messages, recurrent, inputs = normal(2, 4, 4)[:1], normal(4, 12), normal(4, 12)
    recurrent_bias, input_bias = normal(12), normal(12)
    weights = {
        "convolution": [kernel, bias],
        "attention": [kernel, a, c, bias],
        "dynamic attention": [kernel, a, targets, bias],
        "gated": [messages, np.zeros((1, 4)), inputs, recurrent, [input_bias, recurrent_bias]],
    }[name]
    options = {"convolution": {}, "gated": {"steps": 2, "type_count": 2}}
    kind, own = VARIANTS[name]
    layer = kind(4, both_ways=False, **options.get(name, own), dtype="float64")
    layer.build((None, None, 3))
    layer.set_weights([np.asarray(weight) for weight in weights])
    found = call(layer, nodes[None], np.array([edges]), np.ones((1, 4), bool))
    np.testing.assert_allclose(found[0], PEERS[name], atol=2e-6)


def graphs(nodes, edges):
    return {"nodes": ops.convert_to_tensor(nodes), "edges": ops.convert_to_tensor(edges)}


def test_an_encoder_reads_labels_or_vectors_and_keeps_them_beside_its_outputs():
    ids = np.where(MASK, np.arange(15).reshape(B, N) % 6 + 1, 0)
    layers = [GraphConvolution(6, activation="relu"), GatedGraph(U + 3, type_count=TYPES)]
    encoder = GraphEncoder(9, F, layers, keep_inputs=True)
    found = Encoded(*encoder(graphs(ids, EDGES)))
    assert found.outputs.shape == (B, N, encoder.hidden_size) == (B, N, U + 3 + F)
    np.testing.assert_array_equal(found.mask, MASK)
    embedded = encoder.embedding(ids)
    np.testing.assert_allclose(found.outputs[..., U + 3 :], embedded)

    vectors = GraphEncoder(None, F, [GraphConvolution(6), GatedGraph(U + 3, type_count=TYPES)])
    values = Encoded(*vectors(graphs(embedded, EDGES), mask=ops.convert_to_tensor(MASK)))
    assert values.outputs.shape == (B, N, U + 3)
    assert not ops.convert_to_numpy(values.outputs)[~MASK].any()


def test_scores_become_weights_at_each_node_however_high_they_are():
    edges = np.array([[[0, 1, 1], [2, 1, 1], [1, 1, 0], [0, 0, 0], [-1, 1, 1], [0, 1, N]]])
    flat = flat_edges(edges, np.ones((1, N), bool), both_ways=False)
    scores = np.array([[800.0], [802.0], [-900.0], [900.0], [900.0], [900.0]])
    weights = ops.convert_to_numpy(softmax_at_targets(scores, flat))
    first = 1 / (1 + np.exp(2.0))
    np.testing.assert_allclose(weights[:, 0], [first, 1 - first, 1, 0, 0, 0], rtol=1e-6)
    assert (weights[3:] == 0).all()  # padding, and ends that are no nodes


def test_a_node_with_many_edges_is_right_in_half_precision():
    edges = np.array([[[leaf, 1, 0] for leaf in range(1, 1000)]])  # bfloat16 counts to 256
    nodes = np.random.default_rng(2).normal(size=(1, 1000, F)).astype("float32")
    nodes[0, 0] *= 1000  # so that the others tell its degree
    exact, half = (GraphConvolution(U, dtype=kind) for kind in ("float32", "mixed_bfloat16"))
    wanted = ops.convert_to_numpy(exact(nodes, edges))
    half.build(nodes.shape)
    half.set_weights(exact.get_weights())
    found = ops.convert_to_numpy(ops.cast(half(nodes, edges), "float32"))
    np.testing.assert_allclose(found[:, 1:], wanted[:, 1:], atol=0.02 * np.abs(wanted).max())


def test_ten_thousand_edges_are_read_in_memory_that_grows_with_them():
    rng = np.random.default_rng(1)
    edges = np.stack(
        [rng.integers(0, 3000, 10_000), np.ones(10_000), rng.integers(0, 3000, 10_000)]
    )
    layer = GraphConvolution(4)
    nodes = rng.normal(size=(1, 3000, 3)).astype("float32")
    found = layer(nodes, edges.T[None].astype("int32"))
    assert np.isfinite(ops.convert_to_numpy(found)).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GraphConvolution(0), "`units` must be at least 1"),
        (lambda: GraphAttention(5, heads=2), "`heads` must divide `units`"),
        (lambda: GraphAttention(4, scores="other"), "Unknown `scores` 'other'"),
        (lambda: GatedGraph(4, type_count=1), "`type_count` at least 2"),
        (lambda: GatedGraph(2)(np.ones((1, 2, 3)), np.ones((1, 1, 3))), "width of the nodes"),
        (lambda: GraphEncoder(5, 4, []), "at least one layer"),
    ],
)
def test_arguments_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_model_of_keras_with_a_layer_is_saved_and_loaded(tmp_path):
    nodes, edges = keras.Input((None, F)), keras.Input((None, 3), dtype="int32")
    model = keras.Model([nodes, edges], GatedGraph(U, type_count=TYPES)(nodes, edges))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    given = [NODES.astype("float32"), EDGES]
    np.testing.assert_allclose(again(given), model(given), atol=1e-6)
