"""A captioner takes images, videos and features in every form, and says what is wrong with them."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_captioners import (
    SIZE,
    captioned_clips,
    captioned_pictures,
    make_captioner,
    picture,
    trained_captioner,
)

import seqzoo as sz
from seqzoo.datasets import streams
from seqzoo.encoders import FeatureEncoder, application_backbone
from seqzoo.preprocessing import FeatureReader, ImageCaptions
from seqzoo.training.optimizer import Adam

PICTURES = captioned_pictures(12, seed=5)
BEAM = sz.BeamSearch(width=3, n_best=2, max_length=6)


def test_it_learns_to_say_what_is_shown():
    task, _ = trained_captioner()
    images, captions = zip(*captioned_pictures(30, seed=7), strict=True)
    said = task.generate(list(images))
    wanted = [set(each[0].split()) - {"a"} for each in captions]
    right = [words <= set(text.split()) for text, words in zip(said, wanted, strict=True)]
    assert np.mean(right) > 0.7


def test_bytes_paths_and_pixels_get_the_same_caption(tmp_path):
    task, _ = trained_captioner()
    pixels = picture("green", "right")
    content = tf.io.encode_png(pixels).numpy()
    (tmp_path / "a.png").write_bytes(content)
    answers = task.generate([pixels, content, str(tmp_path / "a.png")], return_hypotheses=True)
    assert len({each[0].text for each in answers}) == 1
    np.testing.assert_allclose([each[0].score for each in answers], answers[0][0].score, rtol=1e-5)


def test_the_served_model_answers_as_generate_does(tmp_path):
    task, _ = trained_captioner()
    images = [tf.io.encode_png(pixels).numpy() for pixels, _ in PICTURES]
    task.export(tmp_path / "served", search=BEAM)
    served = tf.saved_model.load(str(tmp_path / "served" / "1")).signatures["serving_default"]
    found = served(image=tf.constant(images))
    wanted = task.generate(images, search=BEAM, return_hypotheses=True)
    assert found["text"].shape == found["scores"].shape == (12, 2)
    for row, hypotheses in enumerate(wanted):
        assert [each.text.encode() for each in hypotheses] == found["text"].numpy()[row].tolist()
        np.testing.assert_allclose(
            [each.score for each in hypotheses], found["scores"][row], rtol=1e-4
        )


def test_a_server_warms_up_with_an_image(tmp_path):
    task, _ = trained_captioner()
    task.export(tmp_path / "served")
    (file,) = tmp_path.rglob("tf_serving_warmup_requests")
    content = file.read_bytes()
    picture = content[content.index(b"\x89PNG") :]
    assert tf.io.decode_png(picture[: picture.index(b"IEND") + 8]).shape == (1, 1, 3)


def test_a_served_video_model_takes_padded_frames(tmp_path):
    task = make_captioner("yao_2015", search=sz.Greedy(max_length=4))
    clips = [clip for clip, _ in captioned_clips(5)]
    task.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served" / "1")).signatures["serving_default"]
    frames = task.preprocessor.reader.as_raw(clips)
    found = served(frames=frames)["text"].numpy()[:, 0]
    assert [text.decode() for text in found] == task.generate(clips)


@pytest.mark.one_of_each
@pytest.mark.parametrize("builder", ["venugopalan_2015", "yao_2015"])
@pytest.mark.parametrize("reading", ["mean", "recurrent"])
@pytest.mark.slow
def test_a_video_model_learns_from_clips_of_all_lengths(builder, reading):
    options = {"reading": reading} if builder == "venugopalan_2015" else {}
    task = make_captioner(builder, **options)
    task.compile(Adam(0.02))
    history = task.fit(captioned_clips(40), epochs=3, batch_size=10, verbose=0).history
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    still, several = task.generate([[picture("red", "left")], captioned_clips(1)[0][0]])
    assert isinstance(still, str)
    assert isinstance(several, str)


@pytest.mark.one_of_each
@pytest.mark.parametrize("builder", ["xu_2015", "yao_2015"])
@pytest.mark.parametrize("frozen", [True, False])
def test_batches_are_of_like_length_only_where_no_backbone_learns(frozen, builder, monkeypatch):
    requested = {}
    monkeypatch.setattr(
        "seqzoo.tasks.captioner.training_batches", lambda *_, **settings: requested.update(settings)
    )
    examples = PICTURES if builder == "xu_2015" else captioned_clips(4)
    task = make_captioner(builder, frozen=frozen)
    task.make_training_batches(*zip(*examples, strict=True), 4, None, 0, 1)
    assert requested == {"by_length": frozen}


@pytest.mark.usefixtures("eagerly")
def test_frozen_features_train_the_model_that_then_captions_images():
    task = make_captioner(frozen=True)
    task.compile(Adam(0.02))
    images, captions = zip(*captioned_pictures(20), strict=True)
    seen = task.features(list(images))
    assert seen.shape == (20, *task.encoder.feature_shape)
    before = [w.numpy() for w in task.encoder.backbone.weights]

    from_pixels = task.evaluate(list(images), list(captions), return_dict=True, verbose=0)
    from_features = task.evaluate(list(seen), list(captions), return_dict=True, verbose=0)
    assert from_features == pytest.approx(from_pixels, rel=1e-4)

    task.fit(list(seen), list(captions), epochs=1, verbose=0)
    for weight, old in zip(task.encoder.backbone.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)
    assert isinstance(task.generate([images[0]])[0], str)


@pytest.mark.usefixtures("eagerly")
def test_features_from_disk_make_a_captioner_of_their_own(tmp_path):
    words = make_captioner().preprocessor.target
    task = sz.Captioner(
        FeatureEncoder(3, 5, units=6),
        sz.decoders.CaptionDecoder(words.vocabulary_size, embedding_dim=4, units=7),
        ImageCaptions(FeatureReader(3, 5), words, max_target_length=5),
    )
    task.compile()
    pairs = []
    for place in range(6):
        np.save(tmp_path / f"{place}.npy", np.random.default_rng(place).normal(size=(3, 5)))
        pairs.append((str(tmp_path / f"{place}.npy"), "a red left"))
    task.fit(pairs, epochs=1, verbose=0)
    task.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served" / "1")).signatures["serving_default"]
    features = task.preprocessor.reader.as_raw([path for path, _ in pairs])
    found = served(features=features)["text"].numpy()[:, 0]
    assert [text.decode() for text in found] == task.generate([path for path, _ in pairs])


def test_an_application_is_a_backbone():
    backbone = application_backbone("MobileNetV3Small", 32)
    task = make_captioner()
    task = sz.zoo.vinyals_2015(
        task.preprocessor.target, backbone, 32, units=5, embedding_dim=4, frozen=True
    )
    task.compile(run_eagerly=True)
    task.fit(captioned_pictures(4), epochs=1, verbose=0)
    assert {"first_input", "project"} <= {w.path.split("/")[-2] for w in task.trainable_weights}


@pytest.mark.usefixtures("eagerly")
def test_broken_images_and_images_without_captions_are_counted_and_reported(tmp_path):
    (tmp_path / "text.jpg").write_bytes(b"no picture")
    examples = [*PICTURES, (str(tmp_path / "text.jpg"), "a"), (PICTURES[0][0], [])]
    task = make_captioner()
    task.compile()
    with pytest.warns(UserWarning, match=r"2 of 14 images are left out: .*text\.jpg.*image 13 has"):
        task.fit(examples, epochs=1, verbose=0, batch_size=6)
    with pytest.warns(UserWarning, match="2 of 14"):
        found = task.evaluate(examples, return_dict=True, verbose=0)
    assert found == pytest.approx(task.evaluate(PICTURES, return_dict=True, verbose=0), rel=1e-5)
    task.preprocessor.broken = "raise"
    with pytest.raises(ValueError, match=r"text\.jpg is no whole JPEG"):
        task.fit(examples, epochs=1, verbose=0)
    with pytest.raises(ValueError, match=r"text\.jpg"):
        task.generate([PICTURES[0][0], str(tmp_path / "text.jpg")])


def test_a_stream_is_read_in_its_turn_and_what_is_broken_in_it_is_reported(tmp_path):
    pairs = []
    for place, (pixels, captions) in enumerate(PICTURES):
        path = tmp_path / f"{place}.png"
        path.write_bytes(tf.io.encode_png(pixels).numpy())
        pairs.append((str(path), captions[0]))
    (tmp_path / "text.png").write_bytes(b"no picture")
    broken = [(str(tmp_path / "text.png"), "a"), (str(tmp_path / "none.png"), "red")]

    def stream(pairs):
        return streams.from_dataset(
            tf.data.Dataset.from_tensor_slices(tuple(map(list, zip(*pairs, strict=True))))
        )

    task = make_captioner()
    task.compile()
    settings = {"batch_size": 4, "epochs": 1, "steps_per_epoch": 9, "verbose": 0}
    wanted = task.evaluate(pairs, return_dict=True, verbose=0)
    with pytest.warns(
        UserWarning, match=r"2 images so far are left out: .*none\.png cannot be read"
    ):
        found = task.evaluate(stream(broken + pairs), return_dict=True, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # of an input that ran out, as Keras calls it
        task.evaluate(stream(pairs), verbose=0)
    assert found == pytest.approx(wanted, rel=1e-5)
    with pytest.warns(UserWarning, match="so far are left out"):
        task.fit(stream(broken + pairs), **settings)
    task.preprocessor.broken = "raise"
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"none\.png cannot be read: No such"):
        task.fit(stream(broken + pairs), **settings)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([PICTURES[0][0]], []), "Received 1 images but captions of 0"),
        (([PICTURES[0][0]],), r"Expected a list of \(image, captions\) pairs"),
        (([],), "at least one image with a caption"),
        (([(PICTURES[0][0], [3])],), "A caption, or a list of captions, is needed"),
    ],
)
def test_wrong_examples_are_explained(arguments, message):
    task = make_captioner()
    task.compile()
    with pytest.raises(ValueError, match=message):
        task.fit(*arguments, epochs=1, verbose=0)


@pytest.mark.parametrize("inputs", ["a.png", b"\xff\xd8", np.zeros((8, 8, 3), "uint8")])
def test_one_image_is_no_list(inputs):
    with pytest.raises(ValueError, match=r"A list of images is needed\. Received one"):
        make_captioner().generate(inputs)


@pytest.mark.usefixtures("eagerly")
def test_a_dataset_of_tensors_is_taken_as_examples_are():
    task = make_captioner()
    task.compile()
    pixels = np.stack([pixels for pixels, _ in PICTURES])
    first = [captions[0] for _, captions in PICTURES]
    dataset = tf.data.Dataset.from_tensor_slices((pixels, first))
    one = task.evaluate(dataset, return_dict=True, verbose=0)
    assert one == pytest.approx(task.evaluate(pixels, first, return_dict=True, verbose=0))


@pytest.mark.usefixtures("eagerly")
def test_captions_of_an_image_are_trained_on_together_and_count_alike():
    """The loss of two captions of an image is that of the image twice, with one each."""
    task = make_captioner()
    task.compile()
    image, other = PICTURES[0][0], PICTURES[1][0]
    together = [(image, ["a red left", "left"]), (other, ["blue right a a"])]
    apart = [(image, "a red left"), (image, "left"), (other, "blue right a a")]
    found, wanted = (
        task.evaluate(examples, return_dict=True, verbose=0) for examples in (together, apart)
    )
    assert found == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(("numbers", "known"), [([2, 2], 2), ([2, 1], None)])
def test_a_train_step_knows_its_rows_where_every_image_has_as_many_captions(numbers, known):
    images = [image for image, _ in PICTURES]
    captions = [["a red left", "left"][: numbers[i % 2]] for i in range(len(images))]
    arguments = (images, captions, 4, None, 0, None)
    x, y, _ = make_captioner().make_training_batches(*arguments).dataset.element_spec
    assert x["target_ids"].shape.as_list() == y.shape.as_list() == [4, known, None]

    def rows(target_ids):
        task, shapes = make_captioner(), []
        task.decoder.call = lambda ids, *_, call=task.decoder.call, **more: (
            shapes.append(ids.shape[0]) or call(ids, *_, **more)
        )
        images = tf.TensorSpec((4, SIZE, SIZE, 3), tf.uint8)
        call = tf.function(lambda images, ids: task.call({"images": images, "target_ids": ids}))
        call.get_concrete_function(images, target_ids)
        return shapes

    assert rows(x["target_ids"]) == [known and 4 * known]


@pytest.mark.usefixtures("eagerly")
def test_tensors_are_taken_without_a_preprocessor():
    whole = make_captioner()
    task = sz.Captioner(whole.encoder, whole.decoder)
    task.compile()
    ids = np.array([[2, 4, 7], [2, 5, 8]])
    x = {"images": np.stack([picture("red", "left"), picture("blue", "right")]), "target_ids": ids}
    assert task(x).shape == (2, 3, 10)
    task.fit(x, np.array([[4, 7, 3], [5, 8, 3]]), epochs=1, verbose=0)
    found = task.hypotheses({"images": x["images"]}, sz.Greedy(max_length=4))
    assert found.token_ids.shape == (2, 1, 4)


def test_a_vocabulary_of_another_size_is_refused():
    whole = make_captioner()
    with pytest.raises(ValueError, match="decoder has a vocabulary of 5 tokens and the"):
        sz.Captioner(whole.encoder, sz.decoders.CaptionDecoder(5), whole.preprocessor)


def test_augmentation_acts_in_training_only_and_is_saved(tmp_path):
    task = make_captioner(augmentation=keras.layers.RandomTranslation(0.4, 0.4))
    images = np.stack([pixels for pixels, _ in PICTURES[:3]])
    still = [task.encoder.features(images) for _ in range(2)]
    np.testing.assert_array_equal(*still)
    assert np.abs(task.encoder.features(images, training=True) - still[0]).max() > 0
    task.save_preset(tmp_path / "preset")
    again = sz.from_preset(tmp_path / "preset")
    np.testing.assert_allclose(again.encoder.features(images), still[0], rtol=1e-5)
    assert again.preprocessor.reader.height == SIZE
