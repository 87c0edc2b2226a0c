"""A classifier of both strands answers a sequence and its reverse complement alike."""

import keras
import numpy as np
import pytest
from keras import ops

from seqzoo import Classifier
from seqzoo.encoders import TCN, BothStrands, Encoded, EncoderChain, RecurrentEncoder, TextCNN
from seqzoo.layers import Pooling
from seqzoo.preprocessing import LabelledResidues, letter_vectors, reverse_complement

ENCODERS = {
    "text_cnn": lambda: TextCNN(None, 4, windows=(2, 3), filters=5),
    "tcn": lambda: TCN(None, 4, units=5, blocks=2),
    "recurrent": lambda: RecurrentEncoder(None, 4, units=3, cell="gru"),
    "chain": lambda: EncoderChain(
        [TextCNN(None, 4, windows=(4,), filters=6), RecurrentEncoder(None, 6, units=3)]
    ),
}
SEQUENCES = ["ACGTTGCAAC", "GATTACA", "NRYA", "C", "ACGT", ""]
OTHERS = [reverse_complement(sequence) for sequence in SEQUENCES]


def test_a_classifier_answers_both_strands_alike():
    keras.utils.set_random_seed(1)
    residues = LabelledResidues(["no", "yes", "other"])
    plain = Classifier(ENCODERS["text_cnn"](), residues, pooling="max")
    assert np.abs(plain.probabilities(SEQUENCES) - plain.probabilities(OTHERS)).max() > 1e-3
    both = Classifier(BothStrands(plain.encoder), residues, pooling="max")
    here, there = both.probabilities(SEQUENCES), both.probabilities(OTHERS)
    np.testing.assert_allclose(here, there, rtol=1e-5, atol=1e-6)
    assert np.abs(here[0] - here[1]).max() > 1e-4


@pytest.mark.parametrize("name", ENCODERS)
def test_what_is_pooled_of_both_strands_is_the_same(name):
    keras.utils.set_random_seed(1)
    both, residues = BothStrands(ENCODERS[name]()), LabelledResidues()
    encoded = []
    for each in (SEQUENCES, OTHERS):
        x = residues.prepare(residues.as_raw(each))
        encoded.append(Encoded(*both(x["inputs"], mask=x["mask"])))
    has_state = len(encoded[0].state) > 0
    for kind in ("max", "mean", "attention", *(("last", "concat") if has_state else ())):
        pooling = Pooling(kind)
        here, there = (
            pooling(
                each.outputs, mask=each.mask, last=each.state[-1][0] if has_state else None
            ).numpy()
            for each in encoded
        )
        np.testing.assert_allclose(here, there, rtol=1e-5, atol=1e-6)
        assert np.abs(here[0] - here[1]).max() > 1e-4


@pytest.mark.parametrize("name", ENCODERS)
def test_outputs_are_the_mean_of_both_strands_with_the_other_turned_round(name):
    keras.utils.set_random_seed(1)
    encoder = ENCODERS[name]()
    sequence, other = (letter_vectors(each)[None] for each in ("AACGTCN", "NGACGTT"))
    here, there = (Encoded(*encoder(each)).outputs.numpy() for each in (sequence, other))
    found = Encoded(*BothStrands(encoder)(sequence))
    np.testing.assert_allclose(found.outputs, (here + there[:, ::-1]) / 2, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ENCODERS)
def test_padding_and_neighbours_in_a_row_make_no_difference(name):
    keras.utils.set_random_seed(1)
    both = BothStrands(ENCODERS[name]())
    first, second = letter_vectors("AACGT"), letter_vectors("GNC")
    row = np.concatenate([first, second, np.zeros((2, 4), np.float32)])[None]
    segments = ops.convert_to_tensor([[1] * 5 + [2] * 3 + [0] * 2], "int32")
    mask = ops.convert_to_tensor([[True] * 8 + [False] * 2])
    packed = Encoded(*both(row, mask=mask, segment_ids=segments))
    padded = Encoded(*both(row, mask=ops.convert_to_tensor([[True] * 5 + [False] * 5])))
    for steps, alone in ((slice(0, 5), first), (slice(5, 8), second)):
        wanted = Encoded(*both(alone[None]))
        np.testing.assert_allclose(packed.outputs[:, steps], wanted.outputs, rtol=1e-4, atol=1e-6)
        for found, state in zip(
            keras.tree.flatten(packed.state), keras.tree.flatten(wanted.state), strict=True
        ):
            np.testing.assert_allclose(found[:, steps.start], state, rtol=1e-4, atol=1e-6)
    alone = Encoded(*both(first[None])).outputs
    np.testing.assert_allclose(padded.outputs[:, :5], alone, rtol=1e-4, atol=1e-6)


def test_an_encoder_of_other_inputs_is_refused():
    for encoder in (TextCNN(20), TextCNN(None, 20)):
        with pytest.raises(ValueError, match="vectors of four bases"):
            BothStrands(encoder)


def test_a_chain_has_encoders_and_all_but_the_first_read_vectors():
    for encoders in ([], [TextCNN(20), TextCNN(20)]):
        with pytest.raises(ValueError, match="reads vectors"):
            EncoderChain(encoders)
    narrow = EncoderChain([TextCNN(None, 4, windows=(2,), filters=6), TextCNN(None, 5)])
    with pytest.raises(ValueError, match=r"Encoder 1 .*embedding_dim=6\. Received: .*dim=5"):
        narrow.build((None, None, 4))
    keras.utils.set_random_seed(1)
    first, second = TextCNN(9, 4, windows=(2,), filters=6), RecurrentEncoder(None, 6, units=3)
    ids = np.array([[3, 4, 5], [6, 0, 0]])
    found = Encoded(*EncoderChain([first, second])(ids))
    below = Encoded(*first(ids))
    wanted = Encoded(*second(below.outputs, mask=below.mask))
    np.testing.assert_allclose(found.outputs, wanted.outputs, rtol=1e-6)
    np.testing.assert_array_equal(found.mask, ids > 0)
