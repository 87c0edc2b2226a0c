"""A train step of a small network of convolutions: batches normalised by one kernel, or by Keras.

The network is `convolutional_backbone` with a layer of 1,000 labels on top, beside the same one
with `keras.layers.BatchNormalization` and, for what normalisation costs at all, one without. They
take turns, and medians are shown.

    python benchmarks/convolutions.py
    python benchmarks/convolutions.py --precision mixed_bfloat16
"""

import argparse
import statistics
import time

import keras
import numpy as np

from seqzoo.encoders import convolutional_backbone
from seqzoo.layers import BatchNormalization


def network(pixels, normalization, with_keras=False):
    body = convolutional_backbone(
        pixels, filters=(32, 64, 128, 256), depth=2, normalization=normalization
    )
    layers = [
        keras.layers.BatchNormalization(momentum=0.9)
        if with_keras and isinstance(layer, BatchNormalization)
        else layer
        for layer in body.layers
    ]
    top = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1000, dtype="float32")]
    model = keras.Sequential([keras.Input((pixels, pixels, 3)), *layers, *top])
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--precision", default="float32")
    for name, value in (("batch", 64), ("pixels", 128), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    keras.config.set_dtype_policy(args.precision)
    models = {
        "one kernel": network(args.pixels, "batch"),
        "keras": network(args.pixels, "batch", with_keras=True),
        "none": network(args.pixels, "none"),
    }
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (args.batch, args.pixels, args.pixels, 3)).astype("float32")
    y = (rng.random((args.batch, 1000)) < 0.02).astype("float32")
    taken = {name: [] for name in models}
    for turn in range(args.rounds + 2):
        for name, model in models.items():
            begin = time.perf_counter()
            model.train_on_batch(x, y)
            if turn > 1:  # the first ones trace
                taken[name].append(time.perf_counter() - begin)
    for name, times in taken.items():
        median = statistics.median(times)
        print(f"{name}: {1000 * median:.0f} ms a step, {args.batch / median:.0f} images a second")


if __name__ == "__main__":
    main()
