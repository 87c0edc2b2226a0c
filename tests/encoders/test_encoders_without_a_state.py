"""Encoders of windows hand no state to a decoder: the bridge reads the mean of their outputs."""

import keras
import numpy as np
import pytest
from keras import ops

from seqzoo.decoders import CaptionDecoder, RecurrentDecoder
from seqzoo.encoders import Encoded, TextCNN

V = 11
IDS = np.array([[4, 5, 6, 7], [5, 4, 0, 0], [0, 0, 0, 0]])
TOKENS = np.array([[2, 5], [2, 6], [2, 7]])


def make_encoder():
    keras.utils.set_random_seed(1)
    return TextCNN(V, 5, windows=(2, 3), filters=3)


def make_decoder(bridge="dense", attention=None, **options):
    return RecurrentDecoder(
        V, 5, 7, cell="gru", bridge=bridge, attention=attention, layers=2, **options
    )


def test_a_dense_bridge_reads_the_mean_of_the_real_outputs():
    encoded = Encoded(*make_encoder()(IDS))
    decoder = make_decoder()
    decoder(TOKENS, encoded)
    state, _ = decoder.start(encoded, 3, 2)
    outputs, mask = np.asarray(encoded.outputs, "float64"), IDS != 0
    means = [row[real].sum(0) / max(real.sum(), 1) for row, real in zip(outputs, mask, strict=True)]
    for cell in range(2):
        (dense,) = decoder.cross.maps[cell]
        wanted = np.tanh(means @ np.asarray(dense.kernel, "float64") + np.asarray(dense.bias))
        np.testing.assert_allclose(state["cells"][cell][0], wanted, rtol=1e-5, atol=1e-6)
    assert np.abs(means[0]).max() > 0.01


def test_a_bridge_of_zeros_starts_from_zeros():
    encoded = Encoded(*make_encoder()(IDS))
    decoder = make_decoder("zero", "additive")
    decoder(TOKENS, encoded)
    state, _ = decoder.start(encoded, 3, 2)
    assert all(leaf.shape == (3, 7) for leaf in keras.tree.flatten(state["cells"]))
    assert not any(np.any(leaf) for leaf in keras.tree.flatten(state["cells"]))


def test_a_bridge_that_copies_is_refused_with_what_to_do():
    with pytest.raises(ValueError, match=r"needs an encoder with states.* Use bridge='dense'"):
        make_decoder("copy")(TOKENS, make_encoder()(IDS))


def test_a_first_input_is_the_mean_too():
    encoded = Encoded(*make_encoder()(IDS))
    decoder = CaptionDecoder(V, first_input=True, embedding_dim=5, units=7, attention=None)
    assert np.isfinite(ops.convert_to_numpy(decoder(TOKENS, encoded))).all()
