"""Attention on tensors: the one place where attention weights are made.

`attend` compares queries and keys by scalar products. `attend_by_scores` takes scores that were
made in another way. Both work on `(B, T, features)` and, with heads, on `(B, H, T, features)`.

A mask is boolean, True where a query may read a memory step: `(B, T, S)`, or anything that
broadcasts against it, such as `(B, 1, S)` for padding and `(T, S)` for a causal mask. With heads,
`(B, T, S)` holds for all of them and `(B, H, T, S)` for each one. A query that may read no step at
all gets weights and a context of zeros, and the gradients of its scores are zeros.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import keras
from keras import ops

from seqzoo.ops.masks import lowest_score

AttentionHook = Callable[[Any, Any], None]
"""`hook(owner, weights)`; the weights are `(B, T, S)`, or `(B, H, T, S)`."""

_hook: ContextVar[AttentionHook | None] = ContextVar("attention_hook", default=None)


@contextlib.contextmanager
def attention_hook(hook: AttentionHook) -> Iterator[None]:
    """Shows `hook` the weights of all attention of this thread that has an owner, in this context.

    So an instrument sees into the attention of a model without a change to it. Outside of such a
    context, weights that nobody asks for are not made.

    Args:
        hook: Called with the layer and its weights, `(B, T, S)` or `(B, H, T, S)` for H heads.

    Example:
        >>> layer, seen = sz.layers.MultiHeadAttention(num_heads=2, head_units=3), []
        >>> with sz.ops.attention.attention_hook(lambda owner, weights: seen.append(owner)):
        ...     context, weights, _ = layer(np.ones((1, 2, 4)), np.ones((1, 3, 4)))
        >>> seen[0] is layer
        True
    """
    token = _hook.set(hook)
    try:
        yield
    finally:
        _hook.reset(token)


def attend(
    query,
    key,
    value,
    mask=None,
    bias=None,
    return_weights=False,
    scale: float | None = None,
    soft_cap: float | None = None,
    drop: Callable[[Any], Any] | None = None,
    owner: Any = None,
) -> tuple[Any, Any]:
    """Returns for each query a mean of the values, weighted by softmax(query · key * scale + bias).

    Args:
        query: Float tensor `(B, T, features)`, or `(B, H, T, features)` for H heads.
        key: Float tensor `(B, S, features)`, or `(B, G, S, features)`. G is H, or a divisor of it:
            then so many neighbouring heads of queries share one of keys and values.
        value: Float tensor `(B, S, value_features)`, or `(B, G, S, value_features)`.
        mask: Boolean `(B, T, S)` or broadcastable, True where a query may read; None: everywhere.
        bias: Float tensor of the shapes of `mask`, added to the scores; None adds nothing.
        return_weights: Whether to return the weights too.
        scale: What the scalar products are multiplied by; None is `1 / sqrt(features)`.
        soft_cap: Positive float c that bounds the products: c * tanh(product / c); None: no bound.
        drop: What is applied to the weights, such as dropout; None: nothing.
        owner: The layer that attends, for `attention_hook`.

    Returns:
        The context `(B, T, value_features)`, or `(B, H, T, value_features)`, and the weights
        `(B, T, S)`, or `(B, H, T, S)`: `()` without `return_weights`.

    Raises:
        ValueError: where the heads of the queries are no multiple of those of the keys.

    References: Vaswani et al., 2017, section 3.2.1, https://arxiv.org/abs/1706.03762; Ainslie et
    al., 2023 (shared heads), https://arxiv.org/abs/2305.13245

    Example:
        >>> key = value = np.array([[[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]])
        >>> mask = np.array([[[True, True, False]]])  # the third step is padding
        >>> context, _ = sz.ops.attention.attend(np.zeros((1, 1, 2)), key, value, mask)
        >>> context.numpy().tolist()
        [[[0.5, 0.5]]]
    """
    if scale is None:
        scale = query.shape[-1] ** -0.5
    if scale != 1:
        query = query * scale
    scores = _by_shared_heads(query, key, transposed=True)
    if soft_cap is not None:
        scores = soft_cap * ops.tanh(scores / soft_cap)
    return attend_by_scores(scores, value, mask, bias, return_weights, drop, owner)


def attend_by_scores(
    scores,
    value,
    mask=None,
    bias=None,
    return_weights=False,
    drop: Callable[[Any], Any] | None = None,
    owner: Any = None,
) -> tuple[Any, Any]:
    """Returns for each query a mean of the values, weighted by softmax(scores + bias).

    Args:
        scores: Float tensor `(B, T, S)`, or `(B, H, T, S)` for H heads.
        value: See `attend`.
        mask: See `attend`.
        bias: See `attend`.
        return_weights: See `attend`.
        drop: See `attend`. Weights are returned as they are before it.
        owner: See `attend`.

    Returns:
        See `attend`.

    Example:
        >>> scores = np.array([[[0.0, 0.0, 5.0]]], "float32")  # (B, T, S)
        >>> value = np.array([[[1.0], [3.0], [9.0]]], "float32")
        >>> mask = np.array([[[True, True, False]]])
        >>> context, _ = sz.ops.attention.attend_by_scores(scores, value, mask)
        >>> context.numpy().tolist()
        [[[2.0]]]
    """
    hook = _hook.get()
    if hook is not None and owner is not None:
        hook(owner, masked_weights(scores, mask, bias))
    if return_weights:
        weights = masked_weights(scores, mask, bias)
        return _by_shared_heads(weights if drop is None else drop(weights), value), weights
    weights = _softmax(scores, mask, bias)
    context = _by_shared_heads(weights if drop is None else drop(weights), value)
    return context if mask is None else context * _reads_any(mask, context), ()


def _by_shared_heads(left, right, transposed: bool = False):
    """Returns `left` `(B, H, T, M)` times `right` `(B, G, M, N)`, of G heads or a divisor of H.

    Where it is `transposed`, `right` is `(B, G, N, M)`.
    """
    product = times_transposed if transposed else ops.matmul
    if len(left.shape) < 4 or left.shape[1] == right.shape[1]:
        return product(left, right)
    heads, shared = left.shape[1], right.shape[1]
    if heads % shared:
        raise ValueError(
            "The heads of the queries must be a multiple of those of the keys and values. "
            f"Received: {heads} heads of queries and {shared} of keys."
        )
    batch, _, steps, width = ops.shape(left)
    rows = ops.reshape(left, (batch, shared, heads // shared * steps, width))
    results = product(rows, right)
    return ops.reshape(results, (batch, heads, steps, ops.shape(results)[-1]))


def times_transposed(left, right):
    """Returns `left` times the transposed matrices of `right`.

    Shapes: `(..., T, features)` and `(..., S, features)` give `(..., T, S)`.

    Example:
        >>> left, right = np.ones((2, 3, 4), "float32"), np.ones((2, 5, 4), "float32")
        >>> tuple(sz.ops.attention.times_transposed(left, right).shape)
        (2, 3, 5)
    """
    if keras.backend.backend() == "tensorflow":
        from seqzoo.ops.tensorflow.attention import tensorflow_times_transposed

        return tensorflow_times_transposed(left, right)
    return ops.matmul(left, ops.swapaxes(right, -1, -2))


def masked_weights(scores, mask=None, bias=None) -> Any:
    """Returns softmax(scores + bias) over the steps that each query may read, and 0 elsewhere.

    Args:
        scores: See `attend_by_scores`.
        mask: See `attend`.
        bias: See `attend`.

    Returns:
        Float tensor of the shape and dtype of `scores`.

    Shapes: scores and weights are `(B, T, S)`, or `(B, H, T, S)` for H heads.

    Example:
        >>> scores, mask = np.zeros((1, 1, 3), "float32"), np.array([[[True, True, False]]])
        >>> sz.ops.attention.masked_weights(scores, mask).numpy().tolist()
        [[[0.5, 0.5, 0.0]]]
    """
    weights = _softmax(scores, mask, bias)
    return weights if mask is None else weights * _reads_any(mask, weights)


def _softmax(scores, mask, bias):
    """Returns the weights; those of a query that may read no step are any finite numbers."""
    if bias is not None:
        scores = scores + ops.cast(_for_heads(bias, scores), scores.dtype)
    if mask is not None:
        mask = _for_heads(mask, scores)
        if keras.backend.standardize_dtype(scores.dtype) == "float16":
            scores = ops.where(mask, scores, ops.cast(lowest_score(scores.dtype), scores.dtype))
        else:
            # Far below any score, and finite. The gradient of a sum costs nothing, that of
            # `where` a pass over the scores.
            scores = scores + ops.where(mask, ops.zeros((), scores.dtype), -1e38)
    if scores.shape[-1] == 1:  # of which `ops.softmax` warns
        return ops.exp(ops.log_softmax(scores, axis=-1))
    return ops.softmax(scores, axis=-1)


def _reads_any(mask, results):
    """Returns 1 for each query that may read a step, else 0, to multiply its `results` by."""
    reads = ops.any(_for_heads(mask, results), axis=-1, keepdims=True)
    return ops.cast(reads, results.dtype)


def _for_heads(mask, scores):
    """Returns a mask `(B, T, S)` as `(B, 1, T, S)` where the scores are `(B, H, T, S)`."""
    has_no_heads = len(scores.shape) == 4 and len(mask.shape) == 3
    return ops.expand_dims(mask, 1) if has_no_heads else mask
