"""Trained captioners on the test images: with and without attention, greedy and beam, exported.

    python benchmarks/captions.py RUN [RUN …]

Each RUN is a folder of `seqzoo train recipes/captioning/flickr8k.py`. Prints the CIDEr-D of each,
greedy and by a beam, with an interval of 95 % from a bootstrap over the images (percentiles of
means of resampled images, document frequencies as in the whole set), then the differences between
runs, and between the searches of the first run, on the same resampled images. Last, it gives the
bytes of every test image to the SavedModel of the first run and counts those that get another
caption than `generate` gives.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import seqzoo  # noqa: F401  ahead of TensorFlow, for its settings of it

# isort: split
import numpy as np
import tensorflow as tf

from seqzoo.metrics.captions import caption_bleu, cider_d_each
from seqzoo.recipe.training_run import Run
from seqzoo.search import BeamSearch, Greedy

RESAMPLED = 10_000
BATCH_SIZE = 100


def interval(scores: np.ndarray) -> str:
    """Returns the mean of an array and the interval of 95 % that a bootstrap gives it."""
    places = np.random.default_rng(0).integers(len(scores), size=(RESAMPLED, len(scores)))
    low, high = np.percentile(scores[places].mean(axis=1), [2.5, 97.5])
    return f"{scores.mean():.3f} [{low:.3f}, {high:.3f}]"


def exported_answers(folder: Path, images: Sequence[bytes]) -> list[str]:
    """Returns what a SavedModel says of images."""
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    answers = []
    for first in range(0, len(images), BATCH_SIZE):
        found = serve(image=tf.constant(list(images[first : first + BATCH_SIZE])))
        answers += [texts[0].decode() for texts in found["text"].numpy()]
    return answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--width", type=int, default=3, help="hypotheses of the beam")
    options = parser.parse_args()
    searches = {"greedy": Greedy(), f"beam {options.width}": BeamSearch(width=options.width)}
    beam, scores = list(searches)[1], {}
    for path in options.runs:
        run = Run.open(path)
        task = run.load_task()
        images, references = zip(*run.load_splits()["test"], strict=True)
        for name, search in searches.items():
            found = task.generate(list(images), search=search)
            scores[path, name] = np.array(cider_d_each(found, references))
            bleu = caption_bleu(found, references)
            print(f"{path.name}, {name}: CIDEr-D {interval(scores[path, name])}, BLEU-4 {bleu:.1f}")
    first = options.runs[0]
    for other in options.runs[1:]:
        difference = interval(scores[first, beam] - scores[other, beam])
        print(f"{first.name} less {other.name}, {beam}: {difference}")
    print(f"{beam} less greedy: {interval(scores[first, beam] - scores[first, 'greedy'])}")
    run = Run.open(first)
    images = [image for image, _ in run.load_splits()["test"]]
    images = [image if isinstance(image, bytes) else Path(image).read_bytes() for image in images]
    answers = run.load_task().generate(images)
    exported = exported_answers(run.folder.export / "1", images)
    differ = sum(one != other for one, other in zip(answers, exported, strict=True))
    print(f"{differ} of {len(images)} images have another caption by the SavedModel")


if __name__ == "__main__":
    main()
