"""Translation sets of TFDS, mocked: the network is cut off while these run."""

import socket

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from seqzoo.datasets import tfds_translation

PORTUGUESE, ENGLISH = ["bom dia .", "", "olá !"], ["good morning .", "", "hello !"]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a test asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def known_sentences(builder, split, **kwargs):
    """Stands in for `as_dataset`: the sentences above, those of each split marked with its name."""
    mark = f" ({split})"
    columns = {"en": [text + mark for text in ENGLISH], "pt": [text + mark for text in PORTUGUESE]}
    return tf.data.Dataset.from_tensor_slices(columns)


@pytest.mark.parametrize(
    ("source", "target", "first"), [("pt", "en", "bom dia ."), ("en", "pt", "good morning .")]
)
def test_either_direction_gives_pairs_of_source_and_target(source, target, first):
    with tfds.testing.mock_data(as_dataset_fn=known_sentences):
        splits = tfds_translation.load("ted_hrlr_translate/pt_to_en", source, target)

    assert list(splits) == ["train", "validation", "test"]
    for split, pairs in splits.items():
        texts = [tuple(text.decode() for text in pair) for pair in pairs.as_numpy_iterator()]
        assert len(texts) == 3
        assert texts[0][0] == f"{first} ({split})"
        assert {text.removesuffix(f" ({split})") for text in texts[2]} == {"olá !", "hello !"}


def test_the_features_of_the_set_itself_give_scalar_strings():
    with tfds.testing.mock_data(num_examples=2):
        splits = tfds_translation.load("ted_hrlr_translate/pt_to_en", "pt", "en", ["train"])
        pairs = list(splits["train"])

    assert splits["train"].element_spec == (tf.TensorSpec((), tf.string),) * 2
    assert len(pairs) == 2


def test_a_language_that_the_set_lacks_is_named_with_those_it_has():
    with (
        tfds.testing.mock_data(),
        pytest.raises(ValueError, match=r"languages en, pt\. Received: de"),
    ):
        tfds_translation.load("ted_hrlr_translate/pt_to_en", "de", "en")


def test_a_set_without_translations_is_refused():
    with (
        tfds.testing.mock_data(),
        pytest.raises(ValueError, match=r"imdb_reviews/plain_text/.* with FeaturesDict"),
    ):
        tfds_translation.load("imdb_reviews", "de", "en")


def test_an_unknown_set_is_named():
    with tfds.testing.mock_data(), pytest.raises(ValueError, match="no set 'ted_hlrl'"):
        tfds_translation.load("ted_hlrl", "de", "en")
