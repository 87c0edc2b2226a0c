"""The arithmetic of a recurrent step as one kernel.

Between its products by weights a step is arithmetic of single values: a dozen ops, and twice as
many for their gradients, each of which reads and writes memory. Compiled into one they read once
and write once, and values of 16 bits are computed with in 32. The products stay what they are.
"""

import keras

from seqzoo.ops.scans import Step


def becomes_kernel(state) -> bool:
    """Whether a step from such a state is compiled: by `fused`, or with all that is around it."""
    if keras.backend.backend() != "tensorflow":
        return True
    from seqzoo.ops.tensorflow_fused import fusing_pays
    from seqzoo.ops.tensorflow_xla import traced_for_xla

    return fusing_pays(state) or traced_for_xla()


def fused(step: Step) -> Step:
    """Returns a step that does what `step` does, in one kernel and one more for its gradient.

    For loops of training, on backends that do not compile a whole train step themselves, and where
    a state is large enough. But for its maps the step must be arithmetic, with no products of
    matrices.
    """
    if keras.backend.backend() != "tensorflow":
        return step
    from seqzoo.ops.tensorflow_fused import fusing_pays, run_fused

    def fused_step(inputs_t, state, constants, linear):
        if not fusing_pays(state):
            return step(inputs_t, state, constants, linear)
        return run_fused(step, inputs_t, state, constants, linear)

    return fused_step
