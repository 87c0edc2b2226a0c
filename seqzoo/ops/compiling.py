"""Functions compiled as a whole, on a backend that does not compile what is around them."""

from collections.abc import Callable
from typing import Any

import keras


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
    from seqzoo.ops.tensorflow import xla

    if not xla.can_compile_alone([x.shape for x in keras.tree.flatten(arguments)]):
        return function(*arguments)
    return xla.compiled(function)(*arguments)
