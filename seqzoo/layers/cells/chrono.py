"""A bias for gates that are to remember over long times."""

from collections.abc import Sequence

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="seqzoo")
class ChronoInitializer(keras.initializers.Initializer):
    """Opens the gates of a memory for times spread between 2 and `max_steps` steps.

    A gate that keeps the share f of a memory at each step keeps it for about 1 / (1 - f) steps.
    Its bias begins at log(u) with u uniform from 1 to `max_steps` - 1, the bias of the gate that
    lets new values in at the negative of it, and every other one at 0. As the `bias_initializer`
    of a `Cell` it knows which gates those are; elsewhere they are those of an LSTM as Keras
    orders them.

    Args:
        max_steps: Int of at least 2: the longest time over which inputs matter.
        seed: Of what is drawn.

    Raises:
        ValueError: for `max_steps` below 2.

    Reference: Tallec and Ollivier, 2018, https://arxiv.org/abs/1804.11188

    The bias is `(gates * units,)`, gate after gate.

    Example:
        >>> cell = sz.layers.LSTMCell(4, bias_initializer=sz.layers.ChronoInitializer(100, seed=0))
        >>> cell.build((None, 3))
        >>> forget = keras.ops.sigmoid(cell.bias[4:8])  # shares kept at each step
        >>> [round(float(share), 2) for share in forget]
        [0.96, 0.99, 0.99, 0.99]
    """

    def __init__(self, max_steps: int, seed: int | None = None):
        if max_steps < 2:
            raise ValueError(f"`max_steps` must be at least 2. Received: max_steps={max_steps}.")
        self.max_steps = max_steps
        self.seed = seed
        self._times = keras.initializers.RandomUniform(1.0, max_steps - 1.0, seed=seed)

    def __call__(self, shape, dtype=None, memory_signs: Sequence[int] = (-1, 1, 0, 0)):
        """Returns a bias `(gates * units,)`, or `(2, gates * units)` whose second row is 0.

        Args:
            shape: Of the bias.
            dtype: Of the bias.
            memory_signs: One for each gate; see `Cell.memory_signs`.
        """
        times = self._times((shape[-1] // len(memory_signs),), dtype=dtype)
        bias = ops.concatenate([sign * ops.log(times) for sign in memory_signs])
        if len(shape) == 1:
            return bias
        return ops.stack([bias, *([ops.zeros_like(bias)] * (shape[0] - 1))])

    def get_config(self):
        return {"max_steps": self.max_steps, "seed": self.seed}
