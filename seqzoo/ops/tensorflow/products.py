"""Products by the same weights at every step of a loop, on TensorFlow's kernels for processors.

A step multiplies few rows by a wide kernel. Where the kernels of TensorFlow would pack the weights
anew at each step, and share the work between threads, they lose more time than they gain, and how
the weights should lie depends on who multiplies. That is settled once, ahead of the loop:

- oneDNN with 512-bit vectors takes the kernel as it is, and the way back wants it transposed.
- oneDNN without them, and Eigen, want blocks as square as can be, one for each gate of a cell:
  their products run side by side, each on a thread of its own where it is small. oneDNN packs a
  transposed block fastest, Eigen one as it is.
- A few rows, as in inference, ask for little more than to read the weights once, so that those stay
  as they are. Without 512-bit vectors they are read in blocks where they fit into the cache of a
  core; with them, where they do not and each block does.

`benchmarks/step_products.py` measures it. With 512-bit vectors (an Intel Xeon) the way back is 1.2
to 1.4 times as fast as the plain product; without (an AMD EPYC) both ways are 1.4 to 1.9 times.
"""

import os
from collections.abc import Callable
from functools import cache

import numpy as np
import tensorflow as tf

from seqzoo.ops.affine import over_rows

Product = Callable[[tf.Tensor], tf.Tensor]

FEW_ROWS = 4
MAX_CACHED_BYTES = 2**20  # of a kernel
MAX_BLOCK_BYTES = 2**21  # of a block of as many columns as rows


def product_by(
    kernel: tf.Tensor, bias: tf.Tensor | None = None, rows: int | None = None
) -> Product:
    """Returns `inputs (..., in) -> inputs @ kernel + bias` for a kernel `(in, out)`.

    `rows` is the number of rows of the inputs, where it is known ahead of the loop.
    """
    if rows is not None and rows <= FEW_ROWS:
        blocks, transposed = _column_blocks(kernel) if _blocks_pay(kernel) else [kernel], False
    elif _has_wide_vectors():
        blocks, transposed = [kernel], False
    else:
        blocks, transposed = _column_blocks(kernel), onednn_multiplies()
    if transposed:
        blocks = [tf.transpose(block) for block in blocks]

    def product(flat):
        parts = [tf.matmul(flat, block, transpose_b=transposed) for block in blocks]
        outputs = tf.concat(parts, axis=1) if len(parts) > 1 else parts[0]
        return outputs if bias is None else tf.nn.bias_add(outputs, bias)

    return lambda inputs: over_rows(product, inputs, kernel.shape[1])


def _blocks_pay(kernel: tf.Tensor) -> bool:
    """Whether few rows are multiplied by a kernel faster in blocks."""
    fits = kernel.shape.num_elements() * kernel.dtype.size <= MAX_CACHED_BYTES
    block_fits = kernel.shape[0] ** 2 * kernel.dtype.size <= MAX_BLOCK_BYTES
    return block_fits and not fits if _has_wide_vectors() else fits


def product_by_transpose(kernel: tf.Tensor) -> Product:
    """Returns `inputs (..., out) -> inputs @ kernel^T` for a kernel `(in, out)`."""
    if _has_wide_vectors():
        blocks, as_it_is = [kernel], False
    else:
        blocks, as_it_is = _column_blocks(kernel), onednn_multiplies()
    if not as_it_is:
        blocks = [tf.transpose(block) for block in blocks]

    def product(rows):
        shares = tf.split(rows, len(blocks), axis=1) if len(blocks) > 1 else [rows]
        pairs = zip(shares, blocks, strict=True)
        return tf.add_n([tf.matmul(share, block, transpose_b=as_it_is) for share, block in pairs])

    return lambda inputs: over_rows(product, inputs, kernel.shape[0])


def joint_product_pays(kernel: tf.Tensor, recurrent_kernel: tf.Tensor) -> bool:
    """Whether `[x, h] @ [kernel; recurrent_kernel]` in each step is faster than two products.

    Ahead of the loop the product of the inputs is shared between the cores, but its result is
    written, copied and read again, wide as the gates are. In the step it costs a wider kernel,
    which has to stay in the cache of a core, and one op less.
    """
    kernels = [tf.convert_to_tensor(k) for k in (kernel, recurrent_kernel)]
    size = sum(k.shape.num_elements() * k.dtype.size for k in kernels)
    return kernels[0].shape[0] <= kernels[1].shape[0] and size <= MAX_CACHED_BYTES


def summing_pays(kernel: tf.Tensor, rows: tf.Tensor) -> bool:
    """Whether a loop adds up the gradient of a kernel `(in, out)` as it goes, for `(B, ...)` rows.

    Else it writes what went in and the gradient of what came out at every step, copies each
    together, and multiplies them once. To add up, a step reads and writes as much as the kernel
    holds: less, where the rows are many. Sums of 16 bits would stop growing after some hundred
    steps.
    """
    count, (width, columns) = rows.shape[0], kernel.shape
    if count is None or kernel.dtype.size < 4:
        return False
    return count * (width + columns) >= width * columns


def onednn_multiplies() -> bool:
    """Whether it is known that oneDNN does the products: seqzoo turns it on, if it comes in time.

    Where another has imported TensorFlow before, it may be on or off by TensorFlow's own choice.
    """
    return os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "1"


@cache
def _has_wide_vectors() -> bool:
    """Whether the processor has AVX-512, where TensorFlow multiplies with oneDNN by default."""
    current = np.lib.introspect.opt_func_info(func_name="^tanh$", signature="float32")
    return any(
        name in info["current"]
        for signatures in current.values()
        for info in signatures.values()
        for name in ("AVX512", "X86_V4")
    )


def _column_blocks(kernel: tf.Tensor) -> list[tf.Tensor]:
    """Returns the kernel's columns in blocks; in one block for an accelerator."""
    rows, columns = kernel.shape
    count = max(1, columns // rows)
    if columns % count or count == 1 or tf.config.list_physical_devices("GPU"):
        return [kernel]
    return tf.split(kernel, count, axis=1)
