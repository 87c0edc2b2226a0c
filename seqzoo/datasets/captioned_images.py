"""Images with captions from files, in the layout of Flickr8k.

A folder holds the captions, `*.token.txt` or `*.token.txt.gz`, with lines `name#number`, tab,
caption; the images, as files in the folder or one below it, or in `*.zip`; and for each split a
list of names, `*.trainImages.txt`, `*.devImages.txt` and `*.testImages.txt`.
"""

from __future__ import annotations

import unicodedata
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path

from seqzoo.datasets import tables
from seqzoo.datasets.lines import read_lines, refuse_line
from seqzoo.datasets.unpacking import read_member

Example = tuple[str | bytes, list[str]]

_STEMS = {"train": ("train",), "validation": ("validation", "valid", "val", "dev")}
_ENDINGS = {".jpg", ".jpeg", ".png", ".gif", ".bmp"}


def load(
    folder: str | Path, splits: Sequence[str] = ("train", "validation", "test")
) -> dict[str, list[Example]]:
    """Reads images and their captions.

    Names of a list without an image, or without a caption, are left out with a warning that counts
    them.

    Args:
        folder: See above.
        splits: Names of the splits to read. `"validation"` may be called `validation`, `valid`,
            `val` or `dev` on disk; every other name stands for itself.

    Returns:
        A dict from each split to a list of `(image, captions)`, in the order of its list: the path
        of the image, or its bytes where it lies in an archive.

    Raises:
        FileNotFoundError: if the folder, the captions, a list or all images are missing.
        ValueError: if a file cannot be read; names the file and the line.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"`folder` must hold captions and images as Flickr8k has them. Received: "
            f"{str(folder)!r}, which is no folder. Check the path."
        )
    captions = _captions(_only(folder, ("*.token.txt", "*.token.txt.gz"), "captions"))
    images = _images(folder)
    return {split: _split(folder, split, images, captions) for split in splits}


def load_table(
    path: str | Path, image: str = "image", caption: str = "caption", encoding: str = "utf-8"
) -> list[Example]:
    """Reads images and captions from a table; several rows may have captions of one image.

    Images that are not there are left out with a warning that counts them.

    Args:
        path: A table with a header, see `seqzoo.datasets.tables`.
        image: Name of the column with the path of an image, from the folder of the table. An image
            that lies deeper, such as in `images/`, is found by its name too.
        caption: Name of the column with a caption.
        encoding: Of the file.

    Returns:
        A list of `(path of the image, captions)`, in the order of the table.

    Raises:
        FileNotFoundError: if there is no file, or none of the images.
        ValueError: if a row is wrong; names file and line.
    """
    path, captions = Path(path), {}
    for name, text in tables.read(path, image, caption, encoding=encoding):
        captions.setdefault(name, []).append(text.strip())
    by_name = {
        _same(file.name): file
        for pattern in ("*", "*/*")
        for file in sorted(path.parent.glob(pattern))
        if _is_image(file)
    }
    files = {
        name: path.parent / name
        if (path.parent / name).is_file()
        else by_name.get(_same(Path(name).name))
        for name in captions
    }
    missing = [name for name, file in files.items() if file is None]
    if len(missing) == len(captions):
        raise FileNotFoundError(
            f"The images of {path} must be in its folder, or one below. None of the "
            f"{len(captions)} is there, such as {missing[0] if missing else 'any'!r}."
        )
    if missing:
        warnings.warn(
            f"{len(missing)} of {len(captions)} images of {path} are missing and are left out, "
            f"{missing[0]} among them.",
            stacklevel=2,
        )
    return [(str(file), captions[name]) for name, file in files.items() if file is not None]


def load_beside(folder: str | Path, encoding: str = "utf-8") -> list[Example]:
    """Reads images that have a text of captions beside them: `cat.jpg` and `cat.txt`.

    Each line of the text is a caption. Images without captions are left out.

    Raises:
        FileNotFoundError: if no image has captions.
        ValueError: if a text is empty or not in the encoding.
    """
    images = [path for path in sorted(Path(folder).rglob("*")) if _is_image(path)]
    examples = []
    for path in images:
        if path.with_suffix(".txt").is_file():
            lines = read_lines(path.with_suffix(".txt"), encoding)
            examples.append((str(path), [line.strip() for line in lines if line.strip()]))
    if not examples:
        raise FileNotFoundError(
            f"{folder} must hold images with texts beside them, such as cat.jpg and cat.txt. It "
            f"holds {len(images)} images, none of them with a text."
        )
    return examples


def _split(folder: Path, split: str, images: dict, captions: dict) -> list[Example]:
    stems = _STEMS.get(split, (split,))
    path = _only(folder, [f"*{stem}Images.txt" for stem in stems], f"list of the split {split!r}")
    names = [_same(line.strip(" \t")) for line in read_lines(path) if line.strip(" \t")]
    for known, what in ((images, "image file"), (captions, "caption")):
        missing = [name for name in names if name not in known]
        if missing:
            warnings.warn(
                f"{len(missing)} of {len(names)} images of {path} have no {what} and are left out, "
                f"{missing[0]} among them.",
                stacklevel=3,
            )
    complete = [name for name in names if name in images and name in captions]
    if not complete:
        raise FileNotFoundError(
            f"None of the {len(names)} names of {path} has both an image and a caption in "
            f"{folder}. Check the folder."
        )
    return [(_image(images[name]), captions[name]) for name in complete]


def _same(name: str) -> str:
    """The form in which names are compared: some file systems and archives change that of names."""
    return unicodedata.normalize("NFC", name)


def _image(source: Path | tuple[zipfile.ZipFile, str]) -> str | bytes:
    if isinstance(source, Path):
        return str(source)
    return read_member(*source)


def _images(folder: Path) -> dict[str, Path | tuple[zipfile.ZipFile, str]]:
    """The file, or the archive and the name in it, of each image by its name."""
    images: dict[str, Path | tuple[zipfile.ZipFile, str]] = {}
    for path in sorted(folder.glob("*.zip")):
        try:
            archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
            raise ValueError(f"{path} is no whole zip file: {error}.") from error
        images |= {_same(n): (archive, n) for n in archive.namelist() if _is_image(Path(n))}
    files = (path for pattern in ("*", "*/*") for path in sorted(folder.glob(pattern)))
    images |= {_same(path.name): path for path in files if _is_image(path)}
    if not images:
        raise FileNotFoundError(f"There is no image and no archive of images in {folder}.")
    return images


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _ENDINGS


def _captions(path: Path) -> dict[str, list[str]]:
    captions: dict[str, list[str]] = {}
    for number, line in enumerate(read_lines(path), start=1):
        key, tab, caption = line.partition("\t")
        name, mark, _ = key.rpartition("#")
        if not tab or not mark:
            refuse_line(path, number, line, "image#number, a tab and a caption")
        captions.setdefault(_same(name), []).append(caption.strip(" \t"))
    return captions


def _only(folder: Path, patterns: Sequence[str], what: str) -> Path:
    for pattern in patterns:
        if matches := sorted(folder.glob(pattern)):
            return matches[0]
    raise FileNotFoundError(
        f"The {what} must be in {folder}, named {' or '.join(patterns)}. None is there."
    )
