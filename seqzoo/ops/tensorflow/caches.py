"""The TensorFlow kernels of `ops.decoding.caches`."""

import tensorflow as tf

from seqzoo.ops.tensorflow.xla import traced_for_xla


def tensorflow_empty_cache(sizes, dtype):
    """Returns zeros in a buffer of their own.

    TensorFlow makes one tensor of equal zeros, which a loop that writes in place would write to for
    all of them: caches of two models, or of two layers. This operation it never joins with others.
    """
    if tf.executing_eagerly() or traced_for_xla():
        return tf.zeros(sizes, dtype)
    return tf.raw_ops.Empty(shape=sizes, dtype=dtype, init=True)


def rows_to_write(start, count, examples, heads, size):
    """Returns the first new entry for XLA, else all new rows of a cache whose entries are rows."""
    if traced_for_xla():
        return tf.convert_to_tensor(start, tf.int32)
    first = tf.range(examples * heads) * size + start
    return tf.reshape(first[:, None] + tf.range(count), [-1])


def tensorflow_write_entries(cache, entries, values):
    """Returns the cache with new entries; see `write_entries`.

    In the body of a loop it writes into the buffer itself, which nobody else reads there: a scatter
    copies all of the cache at every step (3 ms for 49 MB). XLA finds that out by itself.
    """
    values = tf.cast(values, cache.dtype)
    if traced_for_xla():
        from tensorflow.compiler.tf2xla.python.xla import dynamic_update_slice

        zero = tf.constant(0)
        return dynamic_update_slice(cache, values, [zero, zero, entries, zero])
    units = cache.shape[3]
    flat, values = tf.reshape(cache, [-1, units]), tf.reshape(values, [-1, units])
    if _in_a_loop():
        written = tf.raw_ops.InplaceUpdate(x=flat, i=entries, v=values)
    else:
        written = tf.tensor_scatter_nd_update(flat, entries[:, None], values)
    if None not in cache.shape[1:] and cache.shape[0] != 0:
        return tf.reshape(written, [-1, *cache.shape[1:]])
    return tf.ensure_shape(tf.reshape(written, tf.shape(cache)), cache.shape)


def _in_a_loop() -> bool:
    """Whether what is traced now is the body of a loop, whose first state a search copied."""
    graph = tf.compat.v1.get_default_graph()
    while graph is not None:
        if type(graph).__name__ == "WhileBodyFuncGraph":
            return True
        graph = getattr(graph, "outer_graph", None)
    return False
