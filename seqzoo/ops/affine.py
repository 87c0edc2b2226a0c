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
    *leading, features = ops.shape(inputs)
    rows = inputs if len(leading) == 1 else ops.reshape(inputs, (-1, features))
    outputs = ops.matmul(rows, kernel)
    outputs = outputs if bias is None else outputs + bias
    return outputs if len(leading) == 1 else ops.reshape(outputs, (*leading, kernel.shape[1]))
