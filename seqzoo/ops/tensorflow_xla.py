"""Whether XLA compiles what is traced."""

import tensorflow as tf
from tensorflow.python.ops import control_flow_util


def traced_for_xla() -> bool:
    """Tells whether the graph that is traced now, or one around it, is for XLA.

    As TensorFlow's own loops tell it. XLA wants shapes that do not depend on values.
    """
    return control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
