"""The products of one step of an LSTM on 2 threads: whole, transposed and in pieces, medians.

    python benchmarks/step_products.py            # with oneDNN, as seqzoo has it
    python benchmarks/step_products.py --eigen

Prints microseconds of a product in a loop of 60. "whole" is `matmul(h, kernel)`, "library" what
`ops.tensorflow.products` does; "back" is the product by the transposed kernel in the loop back, "as
written" without a transposed copy.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

SIZES = {"one row": (1, 256), "small": (32, 256), "middle": (64, 512), "large": (128, 1024)}
STEPS = 60


def products(units: int) -> dict[str, Callable]:
    """Returns functions of a state `(B, units)` that end in one of the same shape."""
    import tensorflow as tf

    from seqzoo.ops.tensorflow.products import product_by, product_by_transpose

    kernel = tf.random.normal((units, 4 * units)) / units
    transposed = tf.transpose(kernel)
    forward, back = product_by(kernel), product_by_transpose(kernel)
    return {
        "whole": lambda h: tf.matmul(h, kernel)[:, :units],
        "whole, transposed": lambda h: tf.matmul(h, transposed, transpose_b=True)[:, :units],
        "library": lambda h: forward(h)[:, :units],
        "back as written": lambda h: tf.matmul(tf.tile(h, (1, 4)), kernel, transpose_b=True),
        "back whole": lambda h: tf.matmul(tf.tile(h, (1, 4)), transposed),
        "back library": lambda h: back(tf.tile(h, (1, 4))),
    }


def measure(batch: int, units: int, rounds: int) -> dict[str, float]:
    """Returns seconds of each product, the loop around it included."""
    import tensorflow as tf

    def loop(product):
        @tf.function(autograph=False)
        def run(h):
            return tf.while_loop(lambda i, h: i < STEPS, lambda i, h: (i + 1, product(h)), (0, h))

        return run

    runs = {name: loop(product) for name, product in products(units).items()}
    state, times = tf.random.normal((batch, units)), {name: [] for name in runs}
    for name, run in [*runs.items()] * (rounds + 1):
        start = time.perf_counter()
        run(state)[1].numpy()
        times[name].append((time.perf_counter() - start) / STEPS)
    return {name: statistics.median(found[1:]) for name, found in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--eigen", action="store_true", help="without oneDNN")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0" if options.eigen else "1"
    import seqzoo  # noqa: F401  (before TensorFlow, for its settings)

    for size, shape in SIZES.items():
        found = measure(*shape, options.rounds)
        shown = " | ".join(f"{name} {1e6 * seconds:.0f}" for name, seconds in found.items())
        print(f"{size} | {shown}", flush=True)


if __name__ == "__main__":
    main()
