"""Motifs of the first convolution, and their logos."""

import itertools

import keras
import numpy as np
import pytest
from matplotlib.patches import PathPatch

from seqzoo import Classifier, Tagger, explain, heads
from seqzoo.datasets.sequences import with_motif
from seqzoo.encoders import TCN, BothStrands, EncoderChain, RecurrentEncoder, TextCNN
from seqzoo.explain import Motif, motifs, plot_motifs
from seqzoo.preprocessing import LabelledResidues, TaggedResidues, letter_vectors
from seqzoo.training.optimizer import Adam

ENCODERS = {
    "text_cnn": lambda: TextCNN(None, 4, windows=(6,), filters=3),
    "tcn": lambda: TCN(None, 4, units=3, blocks=1, window=6),
    "causal": lambda: TCN(None, 4, units=3, blocks=1, window=6, causal=True),
    "chain": lambda: EncoderChain(
        [TextCNN(None, 4, windows=(6,), filters=3), RecurrentEncoder(None, 3, units=2)]
    ),
    "both": lambda: BothStrands(TextCNN(None, 4, windows=(6,), filters=3)),
}


def looking_for(name, motif):
    """A classifier whose second filter answers to a motif with a base less than all of it."""
    keras.utils.set_random_seed(0)
    task = Classifier(ENCODERS[name](), LabelledResidues(["no", "yes"]), pooling="max")
    inner = getattr(task.encoder, "encoder", getattr(task.encoder, "encoders", [task.encoder]))
    (convolution, *_) = (inner[0] if isinstance(inner, list) else inner).convolutions
    kernel = np.zeros((6, 4, 3), np.float32)
    kernel[..., 1] = letter_vectors(motif)
    convolution.set_weights([kernel, np.array([0, 1 - len(motif), 0], np.float32)])
    return task


@pytest.mark.parametrize("name", ENCODERS)
def test_the_windows_of_a_filter_are_those_that_it_answers_to(name):
    task = looking_for(name, "TATAAT")
    sequences = ["ccTATAATg", "TATAAT", "gggggggggggTATAAT", "ACGACGACG", "TATAATcTATAAT"]
    (found,) = motifs(task, sequences)
    assert found.sites == 5
    np.testing.assert_array_equal(found.counts, 5 * letter_vectors("TATAAT"))
    assert found.consensus() == "TATAAT"


def test_what_a_filter_answers_to_behind_the_end_of_a_sequence_is_no_site():
    task = looking_for("text_cnn", "TATAAT")
    convolution = task.encoder.convolutions[0]
    kernel, bias = convolution.get_weights()
    convolution.set_weights([kernel, bias + 6])  # 1 where there is nothing, 7 for the motif
    (found,) = (
        each
        for each in motifs(task, ["TATAAT", "TATAATTATAATTATAAT"], threshold=0.1)
        if each.name.startswith("filter 1")
    )
    assert found.sites == 6 + 18


def test_windows_that_answer_less_are_counted_from_the_threshold_on():
    task = looking_for("text_cnn", "TATAAT")
    convolution = task.encoder.convolutions[0]
    kernel, bias = convolution.get_weights()
    convolution.set_weights(
        [kernel, bias + np.array([0, 2, 0])]
    )  # 3 for the motif, 2 with one base changed
    sequences = ["TATAAT", "TATACT", "TATGCT"]
    counts = {0.9: 1, 0.5: 2, 0.3: 3}
    for threshold, sites in counts.items():
        (found,) = motifs(task, sequences, threshold=threshold)
        wanted = sum(letter_vectors(each) for each in sequences[:sites])
        assert found.sites == sites
        np.testing.assert_array_equal(found.counts, wanted)


def test_information_is_what_is_known_of_a_position_in_bits():
    counts = np.array([[96.0, 0, 0, 0], [48, 48, 0, 0], [24, 24, 24, 24], [0, 0, 0, 0]])
    motif = Motif("", "ACGT", counts, 96)
    shares = np.array([97, 1, 1, 1]) / 100
    wanted = [2 + sum(share * np.log2(share) for share in shares)]
    shares = np.array([49, 49, 1, 1]) / 100
    wanted.append(2 + sum(share * np.log2(share) for share in shares))
    np.testing.assert_allclose(motif.information(), [*wanted, 0, 0], atol=1e-12)
    assert motif.consensus() == "A..."
    few = Motif("", "ACGT", counts / 96, 1)
    assert few.information().sum() < motif.information().sum() / 5
    protein = Motif("", "ACDEFGHIKLMNPQRSTVWY", 1e9 * np.eye(20), 1)
    np.testing.assert_allclose(protein.information(), np.log2(20), atol=1e-4)


@pytest.mark.slow
def test_a_planted_motif_is_found_by_a_classifier_that_learned(tmp_path):
    keras.utils.set_random_seed(0)
    encoder = TextCNN(None, 4, windows=(8,), filters=6)
    task = Classifier(encoder, LabelledResidues(["no", "yes"]), pooling="max")
    task.compile(Adam(0.01))
    examples = with_motif(1000, "TATAAT", 40)
    task.fit(examples, epochs=15, batch_size=32, verbose=0)
    found = motifs(task, [sequence for sequence, _ in examples], count=3)
    assert any("TATAAT" in motif.consensus() for motif in found)
    explain.run_pictures(task, [examples[0][0]], ["yes"], examples, tmp_path, print)
    assert {"motifs.png", "attribution.png"} <= {path.name for path in tmp_path.iterdir()}


def test_letters_are_as_high_as_they_tell_bits_the_highest_above(tmp_path):
    counts = np.array([[96.0, 0, 0, 0], [48, 40, 8, 0]])
    motif = Motif("a filter", "ACGT", counts, 96)
    figure = plot_motifs([motif] * 3, tmp_path / "motifs.png")
    assert (tmp_path / "motifs.png").stat().st_size > 1000
    axes = figure.axes[0]
    boxes = [p.get_path().get_extents() for p in axes.patches if isinstance(p, PathPatch)]
    assert len(boxes) == 8
    heights = motif.frequencies() * motif.information()[:, None]
    for position in range(2):
        own = [box for box in boxes if abs(box.x0 + box.width / 2 - position) < 1e-6]
        found = [box.height for box in own]
        np.testing.assert_allclose(found, np.sort(heights[position]), rtol=1e-6)
        assert own[0].y0 == pytest.approx(0)
        for below, above in itertools.pairwise(own):
            assert above.y0 == pytest.approx(below.y1)
    assert axes.get_ylim() == (0, 2)
    assert [each.axison for each in figure.axes] == [True, True, True, False]


def test_a_task_without_a_first_convolution_of_residues_is_refused():
    residues = TaggedResidues(["C", "H"])
    encoder = RecurrentEncoder(None, 20, units=2)
    tagger = Tagger(None, encoder, residues, heads.Tags(2, crf=False))
    with pytest.raises(ValueError, match="RecurrentEncoder"):
        motifs(tagger, ["MKV"])
    from tiny_answering_tasks import make_classifier

    with pytest.raises(ValueError, match="a task with LabelledText"):
        motifs(make_classifier("kim_2014"), ["a b"])
    windows = Tagger(None, TextCNN(None, 20), residues, heads.Tags(2, crf=False))
    with pytest.raises(ValueError, match=r"Received: none\. Give at least one"):
        motifs(windows, [])
    with pytest.raises(ValueError, match="Put it in a list"):
        motifs(windows, "MKV")
    with pytest.raises(ValueError, match="must be a motif"):
        plot_motifs([])
