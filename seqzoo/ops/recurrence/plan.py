"""Which kernel runs a loop over time: one ordered list, asked once for each loop.

`run` takes the first kernel of `KERNELS` that suits, for a layer, for both directions of one and
for a decoder alike. Each has its condition and its runner beside each other. A runner gets the
loops and `rest`, the kernels below its own, for the smaller loops that it makes of them.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.ops.recurrence.checkpointing import scan_in_chunks
from seqzoo.ops.recurrence.scan import Loop, Projections, Step, current_hook, general_scan
from seqzoo.ops.recurrence.side_by_side import side_by_side

Result = tuple[Any, Any]
"""`(states, final)`: the requested leaves of the state after each step `(T, B, ...)`, aligned with
the inputs, None in place of the others; and the state after the last step that ran, `(B, ...)`."""


class Kernel(NamedTuple):
    """A way to run loops over the same steps.

    Attributes:
        name: What it is.
        suits: `suits(loops)`, whether it can run them, and is expected to be faster than what
            stands below it.
        run: `run(loops, rest)` returns the result of each loop.
    """

    name: str
    suits: Callable[[Sequence[Loop]], bool]
    run: Callable[[Sequence[Loop], Sequence["Kernel"]], list[Result]]


def run(loops: Sequence[Loop], kernels: Sequence[Kernel] | None = None) -> list[Result]:
    """Runs loops over the same steps, such as the two directions of a layer.

    Args:
        loops: One loop, or two, forward and backward.
        kernels: Those to choose from; None is `KERNELS`.

    Returns:
        See `Result`, one for each loop.
    """
    kernels = KERNELS if kernels is None else kernels
    index = next(i for i, kernel in enumerate(kernels) if kernel.suits(loops))
    return kernels[index].run(loops, kernels[index + 1 :])


def scan(
    step: Step,
    state: Any,
    inputs: Any,
    projections: Projections,
    constants: Any = (),
    reverse: bool = False,
    **options: Any,
) -> Result:
    """Runs a single loop; arguments are the fields of `Loop`, the result is as `run` has it."""
    return run([Loop(step, state, inputs, projections, constants, reverse, **options)])[0]


def _on_tensorflow() -> bool:
    return keras.backend.backend() == "tensorflow"


# Where an instrument looks at the loops, such as `explain.gradient_flow`: it sees one plain loop.


def _is_hooked(loop: Loop) -> bool:
    return current_hook() is not None and loop.owner is not None


def _run_hooked(loops, rest):
    hook = current_hook()
    if len(loops) > 1:
        merged, results_of = side_by_side(loops)
        return results_of(*_run_hooked([merged], rest)[0])
    loop = loops[0].prepared()
    arguments = (loop.step, loop.state, loop.inputs, loop.projections, loop.constants, loop.reverse)
    return [hook(_plain_scan(), loop.owner, *arguments)]  # pyright: ignore[reportOptionalCall]


# cuDNN, on a GPU, for an LSTM or a GRU with no noise, no cut gradients and no packed rows.


def _cudnn_kernels() -> Any:
    """The module of this backend that calls cuDNN; None if it has none."""
    if keras.backend.backend() == "tensorflow":
        from seqzoo.ops.tensorflow import cudnn
    elif keras.backend.backend() == "jax":
        from seqzoo.ops.jax import cudnn
    else:
        cudnn = None
    return cudnn


def _suits_cudnn(loop: Loop) -> bool:
    kernels, call = _cudnn_kernels(), loop.cudnn
    if kernels is None or call is None or loop.checkpoint_steps is not None:
        return False
    rows = keras.tree.flatten(loop.state)[0].shape[0]
    return kernels.may_run(call.kind, rows, call.units, call.dtype, call.mask)


def _run_cudnn(loops, rest):
    def run_one(loop: Loop) -> Result:
        def general():
            """For calls that cuDNN refuses, which may show only when the step runs."""
            requested = [index == 0 for index in range(len(loop.state))]
            states, final = run([loop._replace(cudnn=None, requested=requested)], rest)[0]
            return ops.transpose(states[0], (1, 0, 2)), final

        call = loop.cudnn
        outputs, final = _cudnn_kernels().cudnn_or_general(
            call.kind, call.arguments, call.mask, loop.reverse, general
        )
        others = [None] * (len(final) - 1)
        return [ops.transpose(outputs, (1, 0, 2)), *others], final

    return [run_one(loop) for loop in loops]


# Gradient checkpointing: chunks of time, each run by the rest of the list.


def _is_checkpointed(loop: Loop) -> bool:
    return loop.checkpoint_steps is not None


def _run_in_chunks(loops, rest):
    def run_one(loop: Loop) -> Result:
        def run_chunk(state, inputs, weights):
            projections, constants, input_weights = weights
            chunk = loop._replace(
                state=state,
                inputs=inputs,
                projections=projections,
                constants=constants,
                input_weights=input_weights,
                checkpoint_steps=None,
            )
            return run([chunk], rest)[0]

        weights = (loop.projections, loop.constants, loop.input_weights)
        outputs, final = scan_in_chunks(
            run_chunk,
            loop.state,
            loop.inputs,
            weights,
            loop.checkpoint_steps,  # pyright: ignore[reportArgumentType]
            loop.of_requested,
            loop.reverse,
        )
        return _with_none(loop, outputs), final

    return [run_one(loop) for loop in loops]


def _with_none(loop: Loop, leaves: Sequence[Any]) -> Any:
    """Returns a nest like the state with None where nothing is requested."""
    remaining, flags = iter(leaves), keras.tree.flatten(loop.requested_flags())
    full = [next(remaining) if requested else None for requested in flags]
    return keras.tree.pack_sequence_as(loop.state, full)


# No loop over the steps, for a recurrence that is linear in its state.


def _has_parallel_form(loop: Loop) -> bool:
    return loop.parallel is not None


def _run_in_parallel(loops, rest):
    def run_one(loop: Loop) -> Result:
        assert loop.parallel is not None
        arguments = (loop.inputs, loop.state, loop.projections, loop.constants, loop.reverse)
        return loop.parallel(*arguments)

    return [run_one(loop.prepared()) for loop in loops]


# One product a step of inputs and state side by side, where the inputs are narrow: their product
# ahead of the loop would be written and read again, wide as the gates are.


def _suits_joint_product(loop: Loop) -> bool:
    if loop.joint is None or not _on_tensorflow():
        return False
    from seqzoo.ops.tensorflow.products import joint_product_pays, summing_pays

    (recurrent,) = loop.projections.values()
    if not joint_product_pays(loop.input_weights[0], recurrent[0]):
        return False
    if not loop.training:
        return True
    joint = loop.joint(loop)
    ((kernel,),) = joint.projections.values()
    return _suits_compiling(joint) or summing_pays(kernel, keras.tree.flatten(loop.state)[0])


def _run_with_joint_product(loops, rest):
    return run([loop.joint(loop) for loop in loops], rest)


# A loop of training of a narrow layer, compiled by XLA with the products around it.


def _suits_compiling(loop: Loop) -> bool:
    if not (loop.training and loop.independent_rows and _on_tensorflow()):
        return False
    from seqzoo.ops.tensorflow.compiled_scan import compiling_pays

    return compiling_pays(loop.state, loop.inputs, loop.projections)


def _run_compiled(loops, rest):
    from seqzoo.ops.tensorflow.compiled_scan import compiled_scan

    if not _is_one_to_split(loops):
        return [compiled_scan(loop) for loop in loops]
    from seqzoo.ops.tensorflow.batch_splits import run_in_splits

    return [run_in_splits(compiled_scan, loops[0])]


# Two loops, each of half of the batch, so that two cores are busy from the first step to the last.


def _suits_splitting(loop: Loop) -> bool:
    if not (loop.independent_rows and _on_tensorflow()):
        return False
    from seqzoo.ops.tensorflow.batch_splits import splitting_pays

    return splitting_pays(loop.state, loop.inputs, loop.projections, loop.training)


def _is_one_to_split(loops: Sequence[Loop]) -> bool:
    return len(loops) == 1 and _suits_splitting(loops[0])  # two directions use two cores as it is


def _run_in_batch_splits(loops, rest):
    from seqzoo.ops.tensorflow.batch_splits import run_in_splits

    return [run_in_splits(lambda split: run([split], rest)[0], loops[0].prepared())]


# The arithmetic of a step as one kernel, and one more for its gradient.


def fusing_pays(state: Any) -> bool:
    """Whether a step from such a state is better compiled into one kernel, in training."""
    if not _on_tensorflow():
        return False
    from seqzoo.ops.tensorflow.fused import fusing_pays as pays

    return pays(state)


def fused(step: Step) -> Step:
    """Returns a step that does what `step` does, in one kernel and one more for its gradient.

    Between its projections a step is arithmetic of single values: a dozen ops, and twice as many
    for their gradients, each of which reads and writes memory. Compiled into one they read once
    and write once, and values of 16 bits are computed with in 32. The products stay what they are.
    """
    from seqzoo.ops.tensorflow.fused import run_fused

    def fused_step(inputs_t, state, constants, project):
        return run_fused(step, inputs_t, state, constants, project)

    return fused_step


def _suits_fusing(loop: Loop) -> bool:
    return loop.training and loop.elementwise and fusing_pays(loop.state)


def _run_with_fused_step(loops, rest):
    return run([loop._replace(step=fused(loop.step)) for loop in loops], rest)


# Both directions in one loop, which takes a step of each at a time.


def _run_side_by_side(loops, rest):
    merged, results_of = side_by_side(loops)
    return results_of(*run([merged], rest)[0])


# One op after the other.


def _plain_scan() -> Callable[..., Result]:
    if not _on_tensorflow():
        return general_scan
    from seqzoo.ops.tensorflow.scan import tensorflow_scan

    return tensorflow_scan


def _run_plain(loops, rest):
    def run_one(loop: Loop) -> Result:
        arguments = (loop.step, loop.state, loop.inputs, loop.projections, loop.constants)
        if not _on_tensorflow():
            return general_scan(*arguments, loop.reverse)
        return _plain_scan()(*arguments, loop.reverse, loop.requested, loop.training)

    return [run_one(loop.prepared()) for loop in loops]


def _each(condition: Callable[[Loop], bool]) -> Callable[[Sequence[Loop]], bool]:
    return lambda loops: all(map(condition, loops))


KERNELS = (
    Kernel("hooked", _each(_is_hooked), _run_hooked),
    Kernel("cudnn", _each(_suits_cudnn), _run_cudnn),
    Kernel("chunks", _each(_is_checkpointed), _run_in_chunks),
    Kernel("parallel", _each(_has_parallel_form), _run_in_parallel),
    Kernel("joint product", _each(_suits_joint_product), _run_with_joint_product),
    Kernel("compiled", _each(_suits_compiling), _run_compiled),
    Kernel("batch splits", _is_one_to_split, _run_in_batch_splits),
    Kernel("fused step", _each(_suits_fusing), _run_with_fused_step),
    Kernel("side by side", lambda loops: len(loops) == 2, _run_side_by_side),
    Kernel("plain", lambda loops: True, _run_plain),
)
"""In the order in which they are asked; the last runs every loop."""
