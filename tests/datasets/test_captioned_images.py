"""Captioned images are read from files in the layout of Flickr8k, and from TFDS."""

import gzip
import zipfile

import pytest

from seqzoo.datasets import captioned_images, tfds_captions

CAPTIONS = "a.jpg#0\tA dog .\na.jpg#1\tDogs .\nb.jpg#0\tA cat .\nc.jpg#0\tA cow .\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "Set.token.txt").write_text(CAPTIONS)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(b"a")
    with zipfile.ZipFile(tmp_path / "images_dev.zip", "w") as archive:
        archive.writestr("b.jpg", b"bb")
        archive.writestr("c.jpg", b"ccc")
    (tmp_path / "Set.trainImages.txt").write_text("a.jpg\nb.jpg\n")
    (tmp_path / "Set.devImages.txt").write_text("b.jpg\n")
    (tmp_path / "Set.testImages.txt").write_text("c.jpg\n")
    return tmp_path


def test_files_and_archives_give_images_with_all_their_captions(folder):
    splits = captioned_images.load(folder)
    path = str(folder / "images" / "a.jpg")
    assert splits["train"] == [(path, ["A dog .", "Dogs ."]), (b"bb", ["A cat ."])]
    assert splits["validation"] == [(b"bb", ["A cat ."])]
    assert splits["test"] == [(b"ccc", ["A cow ."])]


def test_captions_may_be_packed(folder):
    wanted = captioned_images.load(folder)
    (folder / "Set.token.txt").unlink()
    (folder / "Set.token.txt.gz").write_bytes(gzip.compress(CAPTIONS.encode()))
    assert captioned_images.load(folder) == wanted


def test_names_without_an_image_or_a_caption_are_counted(folder):
    (folder / "images" / "d.jpg").write_bytes(b"d")
    (folder / "Set.trainImages.txt").write_text("a.jpg\nd.jpg\ne.jpg\n")
    with (
        pytest.warns(UserWarning, match=r"1 of 3 images of .* have no image file .*e\.jpg"),
        pytest.warns(UserWarning, match=r"2 of 3 images of .* have no caption .*d\.jpg"),
    ):
        splits = captioned_images.load(folder, ["train"])
    assert len(splits["train"]) == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("Set.token.txt", b"a.jpg A dog\n", r"line 1 of .*Set\.token\.txt, 'a\.jpg A dog'"),
        ("Set.token.txt", b"\xff\n", r"Text must be UTF-8.* line 1 of .*Set\.token\.txt"),
        ("images_dev.zip", b"no archive", r"images_dev\.zip is no whole zip file"),
        ("Set.trainImages.txt", b"x.jpg\n", "None of the 1 names"),
        ("Set.testImages.txt", None, r"split 'test' must be in .*, named \*testImages\.txt"),
        ("Set.token.txt", None, "captions must be in"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_is_wrong_with_the_files_is_explained(folder, name, content, message):
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        captioned_images.load(folder)


def test_no_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="is no folder"):
        captioned_images.load(tmp_path / "none")


def test_coco_is_read_as_encoded_images_with_all_captions(tmp_path):
    import tensorflow as tf
    import tensorflow_datasets as tfds

    def as_dataset(builder, split, decoders, **options):
        assert isinstance(decoders.decoders["image"], tfds.decode.SkipDecoding)
        images, texts = [b"a", b"b", b"c"], [["x", "y"]] * 3
        parts = {"image": images, "captions": {"text": texts}}
        return tf.data.Dataset.from_tensor_slices(parts)

    with tfds.testing.mock_data(as_dataset_fn=as_dataset):
        splits = tfds_captions.load("coco_captions", ("train", "val"), tmp_path)
    assert list(splits["train"]) == [(name, ["x", "y"]) for name in (b"a", b"b", b"c")]
    assert splits["train"][1] == (b"b", ["x", "y"])
    assert len(splits["train"]) == 3
    assert splits["val"][:2] == list(splits["val"])[:2]
    with pytest.raises(ValueError, match="no set 'cocoo'"):
        tfds_captions.load("cocoo")


def test_names_of_images_are_equal_in_every_unicode_form(folder):
    composed, decomposed = "caf\u00e9.jpg", "cafe\u0301.jpg"
    (folder / "images" / decomposed).write_bytes(b"e")
    with zipfile.ZipFile(folder / "images_test.zip", "w") as archive:
        archive.writestr(f"z{decomposed}", b"z")
    captions = f"{CAPTIONS}{decomposed}#0\tA bar .\nz{composed}#0\tTwo .\u00a0\n"
    (folder / "Set.token.txt").write_text(captions, "utf-8")
    (folder / "Set.testImages.txt").write_text(f"{composed}\nz{composed}\n", "utf-8")
    path = str(folder / "images" / decomposed)
    wanted = [(path, ["A bar ."]), (b"z", ["Two .\u00a0"])]
    assert captioned_images.load(folder, ["test"])["test"] == wanted
