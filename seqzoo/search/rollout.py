"""Rolling out: values in place of tokens, each fed back as what the next step reads."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from seqzoo.ops.decoding import buffers
from seqzoo.ops.decoding.beams import rows_per_example
from seqzoo.ops.decoding.noise import uniform

ValueStep = Callable[[Any, Any, Any], tuple[Any, Any]]
"""`step(previous, state, memory) -> (outputs, state)`, of values `(N, …)` to any outputs."""

Draw = Callable[[Any, Any], Any]
"""`draw(outputs, uniforms) -> values`, of outputs and numbers `(N, uniforms_per_step)` to the next
values, of the structure and the shapes of the ones before."""


def rollout(
    step: ValueStep,
    state: Any,
    memory: Any,
    first: Any,
    steps: int,
    draw: Draw,
    uniforms_per_step: int = 0,
    n_samples: int = 1,
    seeds: Any = 0,
) -> Any:
    """Takes steps that each read the values of the one before, and returns all values.

    It knows no model: a step makes outputs of values and a state, and `draw` makes the next values
    of outputs. One that ignores its numbers takes the mean, or what else is determined; one that
    uses them samples. The numbers are a hash of the row's seed, the number of the sample and the
    step, so that values do not depend on the batch that a row came in.

    Args:
        step: See `ValueStep`. What depends on the time stands in the state.
        state: Nest of tensors `(N, …)`, with N = B * n_samples.
        memory: What the step reads besides; passed on as it is.
        first: Nest of tensors `(N, …)`, what the first step reads.
        steps: Positive int, the steps that are taken.
        draw: See `Draw`.
        uniforms_per_step: Int, how many numbers a draw takes for a row.
        n_samples: Positive int, the samples of each of B examples, which stand side by side.
        seeds: Int, a row's seed being this plus the number of its example; or int32 `(B,)`.

    Returns:
        Nest like `first` of tensors `(N, steps, …)`.

    Raises:
        ValueError: if `steps` or `n_samples` is below 1, rows are no number of examples, or values
            or a state change their shape.

    Example:
        >>> def step(previous, state, memory):
        ...     return previous + memory, state  # the mean of the next values
        >>> first = np.array([[0.0], [5.0]], "float32")
        >>> mean = lambda outputs, uniforms: outputs
        >>> sz.search.rollout(step, (), 1.0, first, 3, mean)[..., 0].numpy().tolist()
        [[1.0, 2.0, 3.0], [6.0, 7.0, 8.0]]
        >>> around = lambda outputs, uniforms: outputs + uniforms - 0.5
        >>> options = {"uniforms_per_step": 1, "n_samples": 2, "seeds": 3}
        >>> tuple(sz.search.rollout(step, (), 1.0, first, 3, around, **options).shape)
        (2, 3, 1)
    """
    for name, value in (("steps", steps), ("n_samples", n_samples)):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {name}={value}.")
    first = keras.tree.map_structure(ops.convert_to_tensor, first)
    state = keras.tree.map_structure(ops.convert_to_tensor, state)
    rows = ops.shape(keras.tree.flatten(first)[0])[0]
    numbers = _uniforms(rows, steps, uniforms_per_step, n_samples, seeds)

    def is_left(time: Any, *loop: Any) -> Any:
        return time < steps

    def advance(time: Any, previous: Any, leaves: Any, history: Any) -> tuple:
        before = keras.tree.pack_sequence_as(state, leaves)
        outputs, after = step(keras.tree.pack_sequence_as(first, previous), before, memory)
        values = keras.tree.flatten(draw(outputs, ops.take(numbers, time, axis=0)))
        values = [_shaped_as(new, old) for new, old in zip(values, previous, strict=True)]
        after = [
            _shaped_as(new, old) for new, old in zip(keras.tree.flatten(after), leaves, strict=True)
        ]
        history = [buffers.write(b, time, v) for b, v in zip(history, values, strict=True)]
        return time + 1, values, after, history

    values = keras.tree.flatten(first)
    history = [buffers.blank(steps, leaf) for leaf in values]
    loop = (ops.zeros((), "int32"), values, keras.tree.flatten(state), history)
    history = ops.while_loop(is_left, advance, loop, maximum_iterations=steps)[3]
    stacked = [ops.moveaxis(buffers.stack(each), 0, 1) for each in history]  # (T, N, …)
    return keras.tree.pack_sequence_as(first, stacked)


def _uniforms(rows: Any, steps: int, count: int, n_samples: int, seeds: Any) -> Any:
    """The numbers of all steps `(steps, N, count)`, made ahead of the loop at once."""
    if not count:
        return ops.zeros((steps, rows, 0))
    if isinstance(rows, int) and rows % n_samples:
        raise ValueError(
            f"`first` must have {n_samples} rows for each example. Received: {rows} rows. Repeat "
            "each row `n_samples` times, side by side."
        )
    seeds = ops.cast(ops.convert_to_tensor(seeds), "int32")
    if len(seeds.shape) == 0:
        seeds = seeds + ops.arange(rows_per_example(rows, n_samples), dtype="int32")
    seeds = ops.repeat(seeds, n_samples)  # (B,) -> (N,)
    samples = ops.arange(rows, dtype="int32") % n_samples
    time = ops.repeat(ops.arange(steps, dtype="int32"), rows)  # (steps * N,)
    places = ops.arange(count, dtype="int32") + ops.zeros_like(time)[:, None]
    seeds, samples = ops.tile(seeds, steps), ops.tile(samples, steps)
    return ops.reshape(uniform(seeds, samples, time, places), (steps, rows, count))


def _shaped_as(new: Any, old: Any) -> Any:
    """Values of the shape and the type of the loop, which a step may have blurred."""
    new = ops.cast(new, old.dtype)
    sizes = zip(new.shape, old.shape, strict=False)
    is_other = any(None not in pair and pair[0] != pair[1] for pair in sizes)
    if len(new.shape) != len(old.shape) or is_other:
        raise ValueError(
            "Values and state must keep their shapes from step to step. Received: "
            f"{tuple(new.shape)} after {tuple(old.shape)}."
        )
    return new if new.shape == old.shape else ops.reshape(new, ops.shape(old))
