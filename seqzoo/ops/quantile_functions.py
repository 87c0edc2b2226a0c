"""Functions of distributions: quantiles, values of uniform numbers, log gamma."""

import math
from statistics import NormalDist

from keras import ops


def normal_quantile(level: float) -> float:
    """Returns the quantile of the standard normal distribution at a level above 0 and below 1.

    Example:
        >>> round(sz.ops.quantile_functions.normal_quantile(0.975), 4)
        1.96
    """
    return NormalDist().inv_cdf(level)


def student_t_quantile(level: float, freedom):
    """Returns the quantiles of Student's t distributions at one level.

    Args:
        level: Above 0 and below 1.
        freedom: Float tensor, the degrees of freedom, each at least 2.

    Returns:
        Float tensor of the shape of `freedom`; the relative error is below 1e-3.

    Reference: Hill, 1970, Algorithm 396: Student's t-quantiles, https://doi.org/10.1145/355598.355600

    Example:
        >>> quantile = sz.ops.quantile_functions.student_t_quantile(0.975, np.array([5.0]))
        >>> round(float(quantile[0]), 3)  # as in the tables
        2.571
    """
    n = freedom
    tails = 2 * min(level, 1 - level)
    a = 1 / (n - 0.5)
    b = 48 / a**2
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * ops.sqrt(a * math.pi / 2) * n
    y = (d * tails) ** (2 / n)
    # Far out the tail decides, else the distance to the normal distribution.
    far = 1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3) + 0.5 / (n + 4)
    far = (far * y - 1) * (n + 1) / (n + 2) + 1 / y
    x = normal_quantile(min(level, 1 - level)) if level != 0.5 else 0.0
    c = c + ops.where(n < 5, 0.3 * (n - 4.5) * (x + 0.6), 0.0)
    c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c
    z = x * x
    near = (((((0.4 * z + 6.3) * z + 36) * z + 94.5) / c - z - 3) / b + 1) * x
    near = ops.expm1(a * near * near)
    magnitude = ops.sqrt(n * ops.where(y > a + 0.05, near, far))
    return magnitude * (0.0 if level == 0.5 else math.copysign(1.0, level - 0.5))


def normal_variate(uniform):
    """Returns values of the standard normal distribution, of numbers from 0 to 1 `(…)`.

    They are its quantiles at these levels, so that uniform numbers become normal ones.

    Example:
        >>> round(float(sz.ops.quantile_functions.normal_variate(np.float32(0.975))), 4)
        1.96
    """
    return math.sqrt(2) * ops.erfinv(2 * uniform - 1)


def student_t_variate(uniform, angle, freedom):
    """Returns values of Student's t distributions, of two independent uniform numbers each.

    Args:
        uniform: Float tensor `(…)` from above 0 to 1.
        angle: Float tensor `(…)` from 0 to 1.
        freedom: Positive float tensor `(…)`, the degrees of freedom.

    Reference: Bailey, 1994, Polar generation of random variates with the t-distribution,
    https://doi.org/10.1090/S0025-5718-1994-1219702-8

    Example:
        >>> round(float(sz.ops.quantile_functions.student_t_variate(0.5, 0.0, np.float32(2))), 4)
        1.4142
    """
    radius = ops.sqrt(freedom * ops.expm1(-2 / freedom * ops.log(uniform)))
    return radius * ops.cos(2 * math.pi * angle)


def log_gamma(x):
    """Returns the logarithm of the gamma function of positive numbers, by Stirling's series.

    `keras.ops` has none. The relative error is below 1e-6 for `x` `(…)` of at least 1.

    Example:
        >>> round(float(sz.ops.quantile_functions.log_gamma(np.array(5.0))), 4)  # log 24
        3.1781
    """
    shifted = x + 4.0
    below = ops.log(x) + ops.log(x + 1) + ops.log(x + 2) + ops.log(x + 3)
    series = 1 / (12 * shifted) - 1 / (360 * shifted**3) + 1 / (1260 * shifted**5)
    return (
        (shifted - 0.5) * ops.log(shifted) - shifted + 0.5 * math.log(2 * math.pi) + series - below
    )
