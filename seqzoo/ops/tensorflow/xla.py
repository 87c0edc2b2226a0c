"""What XLA asks of the shapes of what is traced."""

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
