"""Images of every kind become pixels of one size, as another library reads them."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from seqzoo.preprocessing import FeatureReader, FrameReader, ImageReader
from seqzoo.preprocessing.features import reader_of
from seqzoo.preprocessing.raw_images import encoded_image

RNG = np.random.default_rng(0)
SMOOTH = np.kron(RNG.integers(40, 215, (4, 5, 3)), np.ones((8, 6, 1))).astype("uint8")  # 32 x 30


def file_of(mode, kind, pixels=SMOOTH, **options):
    content = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(content, kind, **options)
    return content.getvalue()


def read(content, height, width=None, **options):
    reader = ImageReader(height, width, **options)
    return reader(reader.as_raw([content]))["images"].numpy()[0]


@pytest.mark.parametrize(
    ("mode", "kind", "tolerance"),
    [
        ("RGB", "JPEG", 6),
        ("L", "JPEG", 6),
        ("CMYK", "JPEG", 12),
        ("RGB", "PNG", 0),
        ("L", "PNG", 0),
        ("P", "PNG", 0),
        ("1", "PNG", 0),
        ("RGB", "BMP", 0),
        ("P", "GIF", 0),
    ],
)
def test_every_kind_of_file_is_read_as_pillow_reads_it(mode, kind, tolerance):
    content = file_of(mode, kind)
    wanted = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    found = read(content, 32, 30).astype(int)
    assert np.abs(found - wanted).max() <= tolerance


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_lets_white_through(mode):
    image = Image.fromarray(SMOOTH).convert(mode)
    alpha = np.full((32, 30), 255, "uint8")
    alpha[:16], alpha[16:20] = 0, 128
    image.putalpha(Image.fromarray(alpha))
    content = io.BytesIO()
    image.save(content, "PNG")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))

    found = read(content.getvalue(), 32, 30).astype(int)
    np.testing.assert_allclose(found, np.asarray(white.convert("RGB")).astype(int), atol=1)
    assert (found[:16] == 255).all()


def test_a_resized_image_is_an_average_not_a_sample():
    pixels = np.zeros((64, 64, 3), "uint8")
    pixels[:, ::2] = 200
    found = read(file_of("RGB", "PNG", pixels), 8)
    assert found[2:-2, 2:-2].mean() == pytest.approx(100, abs=6)


def test_an_image_is_stretched_or_its_middle_is_cropped():
    pixels = np.zeros((20, 40, 3), "uint8")
    pixels[:, :10], pixels[:, 30:] = 255, 255
    content = file_of("RGB", "PNG", pixels)
    assert read(content, 20, 20).mean() == pytest.approx(127, abs=3)
    assert read(content, 20, 20, fit="crop").max() == 0
    assert read(content, 10, 30, fit="crop").shape == (10, 30, 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (300, 2)])
def test_odd_sizes_are_read(size):
    pixels = np.full((*size, 3), 77, "uint8")
    np.testing.assert_allclose(read(file_of("RGB", "PNG", pixels), 5, 3), 77, atol=1)
    np.testing.assert_allclose(read(pixels, 5, fit="crop"), 77, atol=1)


def test_fifty_megapixels_are_read():
    content = file_of("L", "JPEG", np.full((7000, 7200), 90, "uint8"))
    np.testing.assert_allclose(read(content, 6, 4), 90, atol=1)


BROKEN = {
    "truncated.jpg": file_of("RGB", "JPEG", quality=95)[:-200],
    "cut.png": file_of("RGB", "PNG")[:60],
    "text.jpg": b"this is no picture",
    "empty.png": b"",
}


@pytest.fixture
def folder(tmp_path):
    for name, content in BROKEN.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "good.jpg").write_bytes(file_of("RGB", "JPEG"))
    return tmp_path


@pytest.mark.parametrize("name", [*BROKEN, "missing.jpg"])
def test_a_broken_file_is_named_in_one_line(folder, name):
    with pytest.raises(ValueError, match=name.replace(".", r"\.")) as raised:
        ImageReader(8).as_raw([str(folder / "good.jpg"), str(folder / name)])
    assert "\n" not in str(raised.value)


def test_broken_ones_among_good_are_told_apart(folder):
    images = [str(folder / "text.jpg"), str(folder / "good.jpg"), folder / "missing.jpg", SMOOTH]
    pixels, places, broken = ImageReader(9, 7).read(images)
    assert pixels.shape == (2, 9, 7, 3)
    assert places.tolist() == [1, 3]
    assert len(broken) == 2


@pytest.mark.parametrize(
    "image", [3, None, np.zeros((2, 2), "float32"), np.zeros((2, 2, 5), "uint8")]
)
def test_what_is_no_image_is_refused(image):
    with pytest.raises(ValueError, match="Received at index 4"):
        encoded_image(image, 4)


def test_an_image_is_the_same_in_every_form(tmp_path):
    content = file_of("RGB", "PNG")
    (tmp_path / "a.png").write_bytes(content)
    forms = [content, SMOOTH, tmp_path / "a.png", str(tmp_path / "a.png"), tf.constant(content)]
    forms += [np.str_(tmp_path / "a.png")]
    reader = ImageReader(32, 30)
    images = reader(reader.as_raw(forms))["images"].numpy()
    assert (images == SMOOTH).all()


def test_a_picture_that_cannot_be_read_is_black_and_the_others_are_not():
    stills = [Image.fromarray(np.full((20, 30, 3), level, "uint8")) for level in (90, 10)]
    film = io.BytesIO()
    stills[0].save(film, "GIF", save_all=True, append_images=stills[1:])
    good = [file_of("RGB", kind) for kind in ("JPEG", "PNG", "BMP", "GIF")] + [film.getvalue()]
    bad = [b"", b"x", b"\xff\xd8", b"\x89PNG", b"BM", b"GIF89a", b"RIFF....WEBP", *BROKEN.values()]
    bad += [good[0][:100], film.getvalue()[:60]]
    bad += [good[1][:16] + b"\0\0\x40\0" * 2 + good[1][24:]]  # a PNG of 16,384 squared
    bad += [good[2][:18] + b"\0\x40\0\0" + b"\0\xc0\xff\xff" + good[2][26:]]  # a BMP, likewise
    # A GIF of one pixel by one whose frame has 65,535 squared.
    bad += [b"GIF89a\1\0\1\0\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\2\0;"]
    size = SMOOTH.shape[0] * SMOOTH.shape[1]
    for reader in (ImageReader(4, max_pixels=max(size, 600)), ImageReader(4)):
        inputs = reader(tf.constant([*good, *bad]))
        assert inputs["is_whole"].numpy().tolist() == [True] * len(good) + [False] * len(bad)
        assert not inputs["images"].numpy()[len(good) :].any()
        for content, pixels in zip(good, inputs["images"].numpy(), strict=False):
            np.testing.assert_array_equal(pixels, reader.read_one(content, "it"))
    assert abs(int(pixels.mean()) - 90) <= 1  # the first frame
    small = ImageReader(4, max_pixels=min(size, 600) - 1)
    assert not small(tf.constant(good))["is_whole"].numpy().any()
    with pytest.raises(ValueError, match=r"image 0 is no whole .* of at most 599 pixels"):
        ImageReader(4, max_pixels=599).as_raw([film.getvalue()])
    with pytest.raises(ValueError, match="image 0 has more than 1,199 pixels"):
        FrameReader(4, max_pixels=1199).as_raw([film.getvalue()])
    assert FrameReader(4, max_pixels=1200).as_raw([film.getvalue()]).shape == (1, 2)

    frames = [[good[0], good[1]], [good[0], b"x"], [good[1], b""], [b"", b""]]
    inputs = FrameReader(4)(tf.constant(frames))
    assert inputs["is_whole"].numpy().tolist() == [True, False, True, False]


def test_bytes_are_content_and_never_a_path(tmp_path):
    path, image_reader, frame_reader = tmp_path / "a.png", ImageReader(8), FrameReader(8)
    path.write_bytes(file_of("RGB", "PNG"))
    for form in (bytes(path), tf.constant(str(path)), np.bytes_(path)):
        with pytest.raises(
            ValueError, match=rf"image 0 is no whole .* \({len(bytes(path))} bytes\)"
        ):
            image_reader.as_raw([form])
        with pytest.raises(ValueError, match="is no whole"):
            frame_reader.as_raw([[form]])
    with pytest.raises(ValueError, match="is no whole"):
        frame_reader.as_raw([bytes(tmp_path)])  # a folder of frames


def test_frames_of_videos_of_different_lengths_stand_side_by_side(tmp_path):
    one, two, three = (np.full((4, 6, 3), 10 * n, "uint8") for n in (1, 2, 3))
    for place, frame in enumerate((one, two, three)):
        (tmp_path / f"{place}.png").write_bytes(file_of("RGB", "PNG", frame))
    content = io.BytesIO()
    stills = [Image.fromarray(frame) for frame in (one, two)]
    stills[0].save(content, "GIF", save_all=True, append_images=stills[1:])

    reader = FrameReader(5, 3)
    videos = [[one], np.stack([one, two, three]), str(tmp_path), content.getvalue(), [two, one]]
    inputs = reader(reader.as_raw(videos))

    assert inputs["mask"].numpy().sum(axis=1).tolist() == [1, 3, 3, 2, 2]
    values = inputs["frames"].numpy().mean(axis=(2, 3, 4))
    wanted = [[10, 0, 0], [10, 20, 30], [10, 20, 30], [10, 20, 0], [20, 10, 0]]
    np.testing.assert_allclose(values, wanted, atol=1)
    assert reader.lengths(reader.as_raw(videos)).tolist() == [1, 3, 3, 2, 2]


def test_of_a_long_video_the_first_the_last_and_some_between_are_taken():
    frames = [np.full((2, 2, 3), n, "uint8") for n in range(9)]
    reader = FrameReader(2, max_frames=3)
    inputs = reader(reader.as_raw([frames, frames[:2]]))
    assert inputs["frames"].numpy()[0, :, 0, 0, 0].tolist() == [0, 4, 8]
    assert inputs["mask"].numpy().tolist() == [[True] * 3, [True, True, False]]


def test_a_broken_frame_is_named():
    good = np.zeros((2, 2, 3), "uint8")
    with pytest.raises(ValueError, match="frame 1 of video 1"):
        FrameReader(2).as_raw([[good], [good, b"\xff\xd8 no"]])
    with pytest.raises(ValueError, match=r"at least one frame\. Received none at index 0"):
        FrameReader(2).as_raw([[]])


def test_features_are_arrays_or_files(tmp_path):
    array = RNG.normal(size=(3, 4)).astype("float32")
    np.save(tmp_path / "a.npy", array)
    found = FeatureReader(3, 4).as_raw([array, str(tmp_path / "a.npy"), array.reshape(1, 3, 4)])
    np.testing.assert_array_equal(found, [array] * 3)
    with pytest.raises(
        ValueError, match=r"shape \(2, 4\) are needed\. Received: array 0 of \(3, 4\)"
    ):
        FeatureReader(2, 4).as_raw([array])


def test_a_file_that_holds_no_features_is_named(tmp_path):
    whole = io.BytesIO()
    np.save(whole, np.zeros((3, 4)))
    archive = io.BytesIO()
    np.savez(archive, np.zeros((3, 4)))
    objects = io.BytesIO()
    np.save(objects, np.array([None] * 12), allow_pickle=True)
    contents = [
        b"no",
        b"",
        b"PK\x03\x04 no archive",
        archive.getvalue(),
        objects.getvalue(),
        whole.getvalue()[:-1],
        whole.getvalue().replace(b"(3, 4)", b"(9**9)"),
        whole.getvalue().replace(b"(3, 4), }      ", b"(99999999999,)}"),
        whole.getvalue().replace(b"(3, 4)", b"(((((("),
    ]
    for content in contents:
        (tmp_path / "b.npy").write_bytes(content)
        for read in (FeatureReader(3, 4).as_raw, lambda paths: reader_of(paths[0])):
            with pytest.raises(ValueError, match=r"b\.npy is no \.npy file"):
                read([str(tmp_path / "b.npy")])
    for read in (FeatureReader(3, 4).as_raw, lambda paths: reader_of(paths[0])):
        with pytest.raises(ValueError, match=r"No file .*c\.npy"):
            read([str(tmp_path / "c.npy")])
    with pytest.raises(ValueError, match=r"shape \(\), array 0"):
        reader_of(np.float64(1.0)[...])
    with pytest.raises(ValueError, match=r"array 0 of \(\)"):
        FeatureReader(1, 1).as_raw([np.ones(())])


@pytest.mark.parametrize(
    ("options", "message"),
    [({"height": 0}, "at least 1"), ({"height": 2, "fit": "strech"}, "Did you mean 'stretch'")],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ImageReader(**options)


@pytest.mark.parametrize("video", [None, 3, 0.5, np.uint8(3)])
def test_what_is_no_video_is_refused_with_its_index(video):
    good = [np.zeros((2, 2, 3), "uint8")]
    with pytest.raises(ValueError, match=r"A video is .* Received at index 1: "):
        FrameReader(2).as_raw([good, video])
