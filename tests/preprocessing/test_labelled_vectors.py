import numpy as np
import pytest
import tensorflow as tf

import seqzoo as sz
from seqzoo.encoders import RecurrentEncoder
from seqzoo.preprocessing import LabelledVectors
from seqzoo.training.optimizer import Adam


def examples(count, seed=0):
    """Rising or falling curves of two features, of many lengths."""
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        slope, length = rng.choice([-1, 1]), rng.integers(2, 7)
        values = 5 + slope * np.arange(length)[:, None] + rng.normal(size=(length, 2)) / 5
        pairs.append((values, "up" if slope > 0 else "down"))
    return pairs


def test_sequences_of_vectors_are_classified_saved_and_exported(tmp_path):
    preprocessor = LabelledVectors(2)
    preprocessor.adapt(examples(60))
    classifier = sz.Classifier(RecurrentEncoder(None, 2, 6), preprocessor)
    classifier.compile(Adam(0.05))
    classifier.fit(examples(60), epochs=6, batch_size=20, verbose=0)
    inputs, labels = zip(*examples(12, seed=1), strict=True)

    found = classifier.classify(inputs)

    assert np.mean([a == b for a, b in zip(found, labels, strict=True)]) > 0.9
    alone = [classifier.probabilities([each])[0] for each in inputs[:3]]
    np.testing.assert_allclose(classifier.probabilities(inputs)[:3], alone, rtol=1e-4, atol=1e-6)
    assert len(classifier.classify([np.zeros((0, 2))])) == 1
    classifier.save(tmp_path / "c.keras")
    assert sz.load(tmp_path / "c.keras").classify(inputs) == found
    classifier.export(tmp_path / "export")
    served = tf.saved_model.load(tmp_path / "export/1").signatures["serving_default"]
    raw = preprocessor.pad(preprocessor.as_raw(inputs))
    assert [label.decode() for label in served(raw)["label"].numpy()] == found


def test_each_feature_is_scaled_to_mean_0_and_deviation_1():
    preprocessor = LabelledVectors(2)
    pairs = examples(30)
    preprocessor.adapt(pairs)
    raw = preprocessor.as_raw([values for values, _ in pairs])
    scaled = preprocessor.encode_inputs(raw).flat_values.numpy()
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(0), 1, atol=1e-5)


@pytest.mark.parametrize("wrong", [np.zeros((3, 3)), np.zeros(2), np.full((2, 2), np.nan)])
def test_other_shapes_and_nan_are_refused(wrong):
    with pytest.raises(ValueError, match=r"finite array \(steps, 2\).*at index 1"):
        LabelledVectors(2).as_raw([np.zeros((4, 2)), wrong])
