"""The linear recurrent unit."""

import math

import keras
from keras import ops

from seqzoo.layers.cells.linear import LinearCell


@keras.saving.register_keras_serializable(package="seqzoo")
class LRUCell(LinearCell):
    """A complex diagonal recurrence with a real output.

        h = l * h + gamma * (B x), l = exp(-exp(nu) + i exp(theta))
        y = Re(C h) + D x

    However nu moves, l stays within the unit circle. States are `[y, Re h, Im h]`. Weights are
    `kernel` `(features, 2 * state_units + units)`: Re B, Im B and D; `nu_log`, `theta_log` and
    `gamma_log` `(state_units,)`, `gamma_log` being log gamma; `output_kernel`
    `(2 * state_units, units)`: Re C and -Im C.

    Args:
        units: Positive int. Width of y.
        state_units: Positive int. Width of h; None for `units`.
        r_min: From 0 on. Lowest of the abs(l) to begin with.
        r_max: Above `r_min`, up to 1. Highest of them: l is uniform on the ring between both.
        max_phase: Positive; the angles of l are uniform from 0 to it. Small ones help where the
            past matters over long times.
        use_bias: Whether to add a bias to B x and D x.
        output_initializer: For `output_kernel`.

    For the other arguments see `LinearCell`.

    Raises:
        ValueError: for a ring or a phase out of range.

    Reference: Orvieto et al., 2023, https://arxiv.org/abs/2303.06349; there D is diagonal.

    Example:
        >>> layer = sz.layers.Recurrent(sz.layers.LRUCell(5, state_units=7), return_sequences=True)
        >>> tuple(layer(np.ones((2, 4, 3), "float32")).shape)
        (2, 4, 5)
    """

    output_is_hidden = False

    def __init__(
        self,
        units: int,
        state_units: int | None = None,
        r_min: float = 0.0,
        r_max: float = 1.0,
        max_phase: float = 2 * math.pi,
        use_bias: bool = False,
        output_initializer="lecun_normal",
        **kwargs,
    ):
        super().__init__(units, use_bias=use_bias, **kwargs)
        self.state_units = units if state_units is None else state_units
        self.r_min = r_min
        self.r_max = r_max
        self.max_phase = max_phase
        self.output_initializer = keras.initializers.get(output_initializer)

    @property
    def state_size(self):
        return [self.units, self.state_units, self.state_units]

    def build(self, input_shape):
        width = 2 * self.state_units + self.units
        self.make_kernel(input_shape[-1], width)
        self._check()
        self.make_bias((width,))
        share = keras.initializers.RandomUniform(1e-6, 1 - 1e-6)  # gives the same at every call
        phase = keras.initializers.RandomUniform(1e-6, 1.0)

        def log_square(shape, dtype):
            """Returns log(abs(l) ** 2), uniform in the area of the ring."""
            low, high = self.r_min**2, self.r_max**2
            return ops.log(low + (high - low) * share(shape, dtype=dtype))

        def nu_log(shape, dtype=None):
            return ops.log(-log_square(shape, dtype) / 2)

        def theta_log(shape, dtype=None):
            return ops.log(self.max_phase * phase(shape, dtype=dtype))

        def gamma_log(shape, dtype=None):
            """Begins so that h is about as large as B x: gamma = sqrt(1 - abs(l) ** 2)."""
            return ops.log(-ops.expm1(log_square(shape, dtype))) / 2

        of_states = {"shape": (self.state_units,)}
        self.nu_log = self.add_weight(name="nu_log", initializer=nu_log, **of_states)
        self.theta_log = self.add_weight(name="theta_log", initializer=theta_log, **of_states)
        self.gamma_log = self.add_weight(name="gamma_log", initializer=gamma_log, **of_states)
        self.output_kernel = self.add_weight(
            shape=(2 * self.state_units, self.units),
            initializer=self.output_initializer,
            name="output_kernel",
        )

    def _check(self):
        if self.state_units < 1:
            raise ValueError(
                "`state_units` must be at least 1, or None for `units`. Received: "
                f"state_units={self.state_units}."
            )
        if not 0 <= self.r_min < self.r_max <= 1:
            raise ValueError(
                "The ring must have 0 <= r_min < r_max <= 1. Received: "
                f"r_min={self.r_min}, r_max={self.r_max}."
            )
        if self.max_phase <= 0:
            raise ValueError(f"`max_phase` must be positive. Received: max_phase={self.max_phase}.")

    def projections(self):
        return {"output": (self.cast(self.output_kernel),)}

    def extra_weights(self):
        names = ("nu_log", "theta_log", "gamma_log")
        return {name: self.widen(getattr(self, name)) for name in names}

    def coefficients(self, projected, extra_weights):
        real, imaginary, _ = ops.split(projected, [self.state_units, 2 * self.state_units], axis=-1)
        gamma = ops.exp(extra_weights["gamma_log"])
        size = ops.exp(-ops.exp(extra_weights["nu_log"]))
        phase = ops.exp(extra_weights["theta_log"])
        decay = (size * ops.cos(phase), size * ops.sin(phase))
        shape = ops.shape(real)
        return (
            tuple(ops.broadcast_to(part, shape) for part in decay),
            (gamma * real, gamma * imaginary),
        )

    def states_of(self, hidden, projected, project):
        direct = projected[..., 2 * self.state_units :]
        output = project("output", self.cast(ops.concatenate(hidden, axis=-1))) + direct
        return [output, *hidden]

    def get_config(self):
        return super().get_config() | {
            "state_units": self.state_units,
            "r_min": self.r_min,
            "r_max": self.r_max,
            "max_phase": self.max_phase,
            "output_initializer": keras.initializers.serialize(self.output_initializer),
        }
