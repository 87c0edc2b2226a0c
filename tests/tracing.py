"""Gradients and compiled functions, as each backend has them."""

import contextlib
import ctypes
import functools
import gc

import keras

BACKEND = keras.backend.backend()
if BACKEND == "tensorflow":
    import tensorflow as tf
    from tensorflow.python.framework.ops import gradient_registry
else:
    import jax


def traced(function):
    """Lets a function that trains for many steps do so in graphs, whatever the test asks for."""

    @functools.wraps(function)
    def run(*arguments):
        eagerly = tf.config.functions_run_eagerly()
        tf.config.run_functions_eagerly(False)
        try:
            return function(*arguments)
        finally:
            tf.config.run_functions_eagerly(eagerly)

    return run


def with_values(variables, values):
    """Where it is entered, the variables have these values."""
    if not variables:
        return contextlib.nullcontext()
    return keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True)))


def gradients_of(function, leaves, variables=()):
    """Calls `function(leaves)`, which returns a number and anything else.

    Args:
        function: Of a list of tensors.
        leaves: The list of float tensors.
        variables: What of the variables that it reads is differentiated by.

    On JAX the call is jitted, as it would be compiled operation by operation otherwise.

    Returns:
        What else it returned, and the gradients of the number by every leaf and variable, zeros
        where it does not depend on one.
    """
    run = _tensorflow_gradients if BACKEND == "tensorflow" else _jax_gradients
    return run(function, list(leaves), list(variables))


def _tensorflow_gradients(function, leaves, variables):
    sources = [*leaves, *(getattr(variable, "value", variable) for variable in variables)]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        number, others = function(leaves)
    gradients = tape.gradient(number, sources, unconnected_gradients="zero")
    return others, [tf.convert_to_tensor(gradient) for gradient in gradients]


def _jax_gradients(function, leaves, variables):
    def pure(leaves, values):
        with with_values(variables, values):
            return function(leaves)

    values = [variable.value for variable in variables]
    differentiate = jax.jit(jax.grad(pure, (0, 1), has_aux=True))
    (of_leaves, of_values), others = differentiate(leaves, values)
    return others, of_leaves + of_values


def compiled(function, jit_compile=True, like=None):
    """Compiles a function of tensors: by `tf.function` on TensorFlow, by `jax.jit` on JAX.

    Args:
        function: What to compile.
        jit_compile: Whether TensorFlow hands its graph to XLA.
        like: On TensorFlow, the arguments in a list: it traces one graph for arguments of any
            sizes, but the last from the third on. JAX traces anew for each.
    """
    if BACKEND != "tensorflow":
        return jax.jit(function)

    def unknown(leaf):
        return tf.TensorSpec([None] * min(leaf.ndim, 2) + list(leaf.shape[2:]), leaf.dtype)

    signature = None if like is None else keras.tree.map_structure(unknown, like)
    return tf.function(function, input_signature=signature, jit_compile=jit_compile)


def quick(function):
    """Compiles on JAX alone, where a loop that is not compiled is compiled at every call."""
    return function if BACKEND == "tensorflow" else jax.jit(function)


def free_traced_functions(module=None):
    """Gives back the memory of what was traced: graphs, gradients, and what a module has cached.

    TensorFlow keeps the gradient of every `tf.custom_gradient` that was traced, and of every
    function called in a graph, by name for good, and with it the graph and all that it holds. A
    graph that is still in use after this cannot be differentiated again: it has to be traced anew.

    Args:
        module: A test module, whose `functools.cache`s are emptied.
    """
    for value in list(vars(module).values()) if module else []:
        if isinstance(value, functools._lru_cache_wrapper) and value.__module__ == module.__name__:
            value.cache_clear()
    if BACKEND == "tensorflow":
        for name in list(gradient_registry._registry):
            if name.startswith(("CustomGradient-", "PartitionedCall-")):
                del gradient_registry._registry[name]
    else:
        jax.clear_caches()
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # where the C library is another
        ctypes.CDLL("libc.so.6").malloc_trim(0)
