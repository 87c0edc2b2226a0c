"""What XLA asks of what is traced, and functions that it compiles."""

import tensorflow as tf
from tensorflow.python.ops import control_flow_util


def traced_for_xla() -> bool:
    """Tells whether the graph that is traced now, or one around it, is for XLA.

    As TensorFlow's own loops tell it. XLA wants shapes that do not depend on values.
    """
    return control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def of_any_length(leaf: tf.Tensor) -> tf.Tensor:
    """The same tensor of a length that is unknown while tracing, as a loop wants what gets shorter.

    Nothing less hides it: TensorFlow computes what follows from constants as it infers shapes.
    """
    return tf.compat.v1.placeholder_with_default(leaf, [None, *leaf.shape[1:]])


def can_compile_alone(shapes) -> bool:
    """Whether what is traced now for these shapes can be compiled, and not all that is around."""
    if tf.executing_eagerly() or not all(shape.is_fully_defined() for shape in shapes):
        return False
    return not traced_for_xla() and not tf.config.list_physical_devices("GPU")


def compiled(function):
    """Returns the function of tensors, compiled as a whole for the shapes of its arguments."""
    return tf.function(function, jit_compile=True, autograph=False)
