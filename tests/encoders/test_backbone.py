import numpy as np
import tensorflow as tf
from tiny_answering_tasks import VOCABULARY, classified, make_classifier

import seqzoo as sz
from seqzoo.encoders import BackboneEncoder


def test_a_transformer_of_keras_hub_classifies_and_is_saved(tmp_path):
    import keras_hub

    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(VOCABULARY),
        num_layers=1,
        num_heads=2,
        hidden_dim=6,
        intermediate_dim=7,
        max_sequence_length=9,
    )
    preprocessor = make_classifier().preprocessor
    task = sz.Classifier(BackboneEncoder(backbone), preprocessor, pooling="mean")
    task.compile(run_eagerly=True)
    batch = preprocessor(*map(tf.constant, zip(*classified(5), strict=True)))
    assert np.isfinite(task.train_on_batch(*batch)[0])
    texts = ["a b", "c", "", "d e f g"]
    together = task.probabilities(texts)
    alone = np.concatenate([task.probabilities([text]) for text in texts])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-6)
    task.save(tmp_path / "task.keras")
    found = sz.load(tmp_path / "task.keras").probabilities(texts)
    np.testing.assert_allclose(found, together, rtol=1e-5, atol=1e-6)
