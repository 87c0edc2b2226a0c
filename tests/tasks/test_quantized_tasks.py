"""Tasks stored as int8: what is told, what is refused, files, and training after it."""

import math
import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from tiny_answering_tasks import classified, make_classifier
from tiny_tasks import letters_tokenizer, make_bigram, make_translator, reversal_pairs

import seqzoo as sz

pytestmark = pytest.mark.usefixtures("eagerly")

PAIRS = reversal_pairs(20)
SEARCH = sz.Greedy(max_length=3)


def scores(task, sources=("a b c", "d e")):
    pairs = [(source, "a b") for source in sources]
    return [each.score for each in task.score(pairs)]


def test_it_tells_what_was_quantized_and_what_was_left_out(capsys):
    task = make_translator("sutskever_2014")
    count = task.count_params()
    kernels = sum(math.prod(each.shape) for each in task.weights if len(each.shape) == 2)

    quantized = task.quantize("int8")

    line = f"int8: {kernels / count:.1%} of {count:,} parameters, in "
    assert capsys.readouterr().out.startswith(line)
    assert str(quantized).count("\n") == 0
    assert "lstm_cell" in str(quantized).split("Left out: ")[1]
    assert sum(quantized.int8.values()) == kernels
    assert sum(quantized.left_out.values()) == count - kernels
    assert all(path.endswith("bias") for path in quantized.left_out)


def test_filters_leave_layers_as_they_are_in_files_too(tmp_path):
    task = make_translator("sutskever_2014")
    quantized = task.quantize("int8", filters=lambda layer: layer is not task.head)
    assert any("tokens" in path and path.endswith("kernel") for path in quantized.left_out)
    task.save_preset(tmp_path / "preset")
    again = sz.from_preset(tmp_path / "preset")
    assert again.head.kernel.dtype == "float32"
    np.testing.assert_allclose(scores(again), scores(task), rtol=1e-6)
    named = make_classifier()
    with pytest.raises(ValueError, match="no kernel and no embedding in the layers that `filters`"):
        named.quantize("int8", filters="nothing")


@pytest.mark.parametrize("mode", ["float8", "int4", "int7", None])
def test_other_modes_are_refused(mode):
    with pytest.raises(ValueError, match=r"mode='int8', without a config\. Received: mode="):
        make_bigram().quantize(mode)


def test_it_is_refused_twice_unbuilt_and_in_fit():
    task = make_bigram()
    task.quantize()
    with pytest.raises(RuntimeError, match="is quantized already"):
        task.quantize("int8")

    task = make_bigram()
    task.built = False
    with pytest.raises(RuntimeError, match="no weights to quantize yet"):
        task.quantize("int8")

    task = make_bigram()
    task.compile(run_eagerly=True)
    in_fit = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: task.quantize("int8"))
    with pytest.raises(RuntimeError, match="is in `fit`"):
        task.fit(PAIRS, batch_size=20, verbose=0, callbacks=[in_fit])
    task.quantize("int8")  # it is not any more


def in_dtype(policy, make):
    keras.config.set_dtype_policy(policy)
    try:
        return make()
    finally:
        keras.config.set_dtype_policy("float32")


def test_mixed_bfloat16_is_quantized_and_float16_is_refused(tmp_path):
    task = in_dtype("mixed_bfloat16", lambda: make_translator("sutskever_2014"))
    before = scores(task)
    task.quantize("int8")
    np.testing.assert_allclose(scores(task), before, rtol=0.02)
    task.save_preset(tmp_path / "preset")
    assert scores(sz.from_preset(tmp_path / "preset")) == scores(task)
    with pytest.raises(ValueError, match="computes in float16 is not quantized"):
        in_dtype("mixed_float16", make_bigram).quantize("int8")


def test_weights_that_are_not_finite_are_refused():
    task = make_bigram()
    task.hidden.kernel.assign(np.full(task.hidden.kernel.shape, np.inf))
    with pytest.raises(ValueError, match="kernel holds values that are not finite"):
        task.quantize("int8")


def test_training_after_it_changes_biases_alone():
    task = make_classifier()
    task.compile(keras.optimizers.Adam(0.1), run_eagerly=True)
    task.fit(classified(20), batch_size=20, verbose=0)
    task.quantize("int8")
    before = {id(each): ops.convert_to_numpy(each) for each in task.weights}
    losses = task.fit(classified(20), batch_size=20, epochs=2, verbose=0).history["loss"]
    after = {id(each): ops.convert_to_numpy(each) for each in task.weights}
    changed = {w.name for w in task.weights if (before[id(w)] != after[id(w)]).any()}
    assert losses[1] < losses[0]
    assert changed == {"bias"}
    assert task.evaluate(classified(9), verbose=0, return_dict=True)["loss"] > 0


def test_files_take_a_quarter(tmp_path):
    tokenizer = letters_tokenizer()
    sizes = {}
    for kind in ("float32", "int8"):
        keras.utils.set_random_seed(0)
        task = sz.zoo.luong_2015(tokenizer, tokenizer, units=96, embedding_dim=96, layers=2)
        task.compile()
        task.optimizer.build(task.trainable_variables)
        if kind == "int8":
            task.quantize("int8")
        task.save_preset(tmp_path / kind)
        task.save(tmp_path / f"{kind}.keras")
        weights = tmp_path / kind / "model.weights.h5"
        sizes[kind] = os.path.getsize(weights), os.path.getsize(tmp_path / f"{kind}.keras")
    assert sizes["int8"][0] <= 0.3 * sizes["float32"][0]
    assert sizes["int8"][1] <= 0.3 * sizes["float32"][1]


def test_the_members_of_an_ensemble_are_quantized_with_it(tmp_path):
    members = [make_translator("sutskever_2014", seed=seed) for seed in (1, 2)]
    members[1].quantize("int8")
    ensemble = sz.Ensemble(members)
    ensemble.quantize("int8")
    assert members[0].head.kernel.values.dtype == "int8"
    ensemble.save_preset(tmp_path / "preset")
    np.testing.assert_allclose(
        scores(sz.from_preset(tmp_path / "preset")), scores(ensemble), rtol=1e-6
    )


def lora_layers(task):
    return [each for each in task._flatten_layers() if hasattr(each, "enable_lora")]


@pytest.mark.parametrize("order", ["after", "before", "without"])
def test_lora_is_saved_with_int8_kernels_and_without(order, tmp_path):
    """Keras adds LoRA to the kernel that it saves; rounded again, it is nearly the same."""
    task = make_classifier("bai_2018")
    if order == "after":
        task.quantize("int8")
    layers = lora_layers(task)
    assert {type(each).__name__ for each in layers} == {"Embedding", "Conv1D", "Dense"}
    for layer in layers:
        layer.enable_lora(2)
    task.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    task.fit(classified(20), batch_size=20, verbose=0)
    if order == "before":
        task.quantize("int8")
    assert all(np.any(ops.convert_to_numpy(w)) for w in task.weights if w.name == "lora_kernel_b")
    probabilities = task.probabilities(["a b c", "d e"])
    task.save_preset(tmp_path / "preset")
    again = sz.from_preset(tmp_path / "preset")
    tolerance = 1e-6 if order == "without" else 5e-3
    np.testing.assert_allclose(again.probabilities(["a b c", "d e"]), probabilities, atol=tolerance)
    kind = getattr(again.encoder.bypass.kernel, "values", again.encoder.bypass.kernel)
    assert kind.dtype == ("float32" if order == "without" else "int8")


@pytest.mark.slow
def test_the_steps_of_a_search_read_no_int8_kernel():
    """A mixer reads its kernels in every step; those of int8 are read ahead of the loop."""
    task = sz.zoo.feng_2024(letters_tokenizer(), units=8, layers=1)
    task.quantize("int8")
    spec = tf.TensorSpec([None, None], tf.int32)

    def hypotheses(ids):
        return task.hypotheses(ids, SEARCH)

    traced = tf.function(hypotheses, input_signature=[spec], autograph=False)
    graph = traced.get_concrete_function().graph.as_graph_def()

    def kernels_read(nodes):
        casts = [each for each in nodes if each.op == "Cast" and each.attr["SrcT"].type == tf.int8]
        return [each for each in casts if "Gather" not in each.input[0]]  # rows of an embedding

    assert kernels_read(graph.node)
    assert not [each for one in graph.library.function for each in kernels_read(one.node_def)]
