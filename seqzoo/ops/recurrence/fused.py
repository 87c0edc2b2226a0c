"""The arithmetic of a recurrent step as one kernel.

Between its products by weights a step is arithmetic of single values: a dozen ops, and twice as
many for their gradients, each of which reads and writes memory. Compiled into one they read once
and write once, and values of 16 bits are computed with in 32. The products stay what they are.
"""

from collections.abc import Callable
from typing import Any

import keras

from seqzoo.ops.recurrence.scan import Step


def compiled_by_xla() -> bool:
    """Whether what is traced now is compiled whole, loops and all."""
    if keras.backend.backend() != "tensorflow":
        return True
    from seqzoo.ops.tensorflow.xla import traced_for_xla

    return traced_for_xla()


def compiled(function: Callable, *arguments) -> Any:
    """Returns `function(*arguments)`, compiled as a whole where it is traced with known shapes.

    On a CPU and on a backend that does not compile what is around it; elsewhere it is called as it
    is. For loops of small ops without products of large matrices. The function must be pure, its
    arguments nests of tensors.
    """
    if keras.backend.backend() != "tensorflow":
        return function(*arguments)
    from seqzoo.ops.tensorflow.fused import compiling_pays, run_compiled

    if not compiling_pays(keras.tree.flatten(arguments)):
        return function(*arguments)
    return run_compiled(function, arguments)


def fused(step: Step) -> Step:
    """Returns a step that does what `step` does, in one kernel and one more for its gradient.

    For loops of training, on backends that do not compile a whole train step themselves, and where
    a state is large enough. But for its projections the step must be arithmetic, with no products
    of matrices.
    """
    if keras.backend.backend() != "tensorflow":
        return step
    from seqzoo.ops.tensorflow.fused import fusing_pays, run_fused

    def fused_step(inputs_t, state, constants, project):
        if not fusing_pays(state):
            return step(inputs_t, state, constants, project)
        return run_fused(step, inputs_t, state, constants, project)

    return fused_step
