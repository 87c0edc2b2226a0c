"""The product by a weight, over any leading dimensions."""

from keras import ops


def affine(inputs, kernel, bias=None):
    """Returns `inputs @ kernel + bias` as one product of two matrices.

    All leading dimensions count as rows: the gradient of the kernel is then one product too, not
    a sum of one for each example.

    Args:
        inputs: Float tensor `(..., in)`.
        kernel: Float tensor `(in, out)`.
        bias: Float tensor `(out,)`, or None.

    Returns:
        Float tensor `(..., out)`.
    """

    def product(rows):
        outputs = ops.matmul(rows, kernel)
        # On TensorFlow, `ops.add` of a vector is `bias_add`, whose gradient by the bias is a
        # kernel of its own, faster than the sum over the rows.
        return outputs if bias is None else ops.add(outputs, bias)

    return over_rows(product, inputs, kernel.shape[1])


def over_rows(product, inputs, width: int):
    """Calls `product`, from `(rows, in)` to `(rows, width)`, on inputs `(..., in)`."""
    if len(inputs.shape) == 2:
        return product(inputs)
    *leading, features = ops.shape(inputs)
    return ops.reshape(product(ops.reshape(inputs, (-1, features))), (*leading, width))


def affine_by_heads(inputs, kernels, bias=None):
    """Returns the product of each head's part of the inputs by a kernel of its own, plus bias.

    It is `affine` by a block-diagonal kernel.

    Args:
        inputs: Float tensor `(..., H * in)`.
        kernels: Float tensor `(H, in, out)`.
        bias: Float tensor `(H, out)`, or None.

    Returns:
        Float tensor `(..., H, out)`.
    """
    heads, width, out = kernels.shape
    leading = ops.shape(inputs)[:-1]
    if heads == 1:
        outputs = affine(inputs, kernels[0])[..., None, :]
    else:
        rows = ops.transpose(ops.reshape(inputs, (-1, heads, width)), (1, 0, 2))
        outputs = ops.transpose(ops.matmul(rows, kernels), (1, 0, 2))
        outputs = outputs if len(leading) == 1 else ops.reshape(outputs, (*leading, heads, out))
    return outputs if bias is None else outputs + bias
