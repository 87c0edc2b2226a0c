"""The whale against a program written from the paper, and spaces of settings."""

import math

import numpy as np
import pytest

from seqzoo.tuning import Choice, Float, Int, Space, Whale


def by_the_paper(function, whales, iterations, dimensions, seed):
    """Mirjalili and Lewis, 2016, algorithm 1 and equations 2.1 to 2.8, of a unit cube around 0."""
    rng = np.random.default_rng(seed)
    swarm = [rng.uniform(-1, 1, dimensions) for _ in range(whales)]
    prey, lowest, trials = None, math.inf, []
    for t in range(iterations):
        for whale in swarm:
            trials.append(whale)
            if function(whale) < lowest:
                prey, lowest = whale, function(whale)
        a = 2 - t * 2 / iterations
        a2 = -1 - t / iterations
        following = []
        for whale in swarm:
            r1, r2, r3, p = (rng.random() for _ in range(4))
            A, C = 2 * a * r1 - a, 2 * r2  # 2.3, 2.4
            spiral = (a2 - 1) * r3 + 1
            if p >= 0.5:  # 2.5
                distance = [abs(q - x) for q, x in zip(prey, whale, strict=True)]
                factor = math.exp(spiral) * math.cos(spiral * 2 * math.pi)
                new = [d * factor + q for d, q in zip(distance, prey, strict=True)]
            elif abs(A) < 1:  # 2.1, 2.2
                new = [q - A * abs(C * q - x) for q, x in zip(prey, whale, strict=True)]
            else:  # 2.7, 2.8
                numbers = rng.integers(0, whales, dimensions)
                other = [swarm[n][j] for j, n in enumerate(numbers)]
                new = [o - A * abs(C * o - x) for o, x in zip(other, whale, strict=True)]
            following.append(np.array([min(max(x, -1), 1) for x in new]))
        swarm = following
    return trials


@pytest.mark.parametrize("seed", [0, 1])
def test_it_asks_for_the_positions_of_the_paper(seed):
    def function(x):
        return float(np.sum(np.square(x - [0.3, -0.5, 0.1])))

    whale, asked = Whale(3, whales=6, iterations=9, seed=seed), []
    for _ in range(6 * 9):
        asked.append(whale.ask())
        whale.tell(function(asked[-1]))
    want = by_the_paper(function, 6, 9, 3, seed)
    np.testing.assert_allclose(asked, want, atol=1e-12)
    assert whale.best_value == min(map(function, asked))


def test_a_trial_that_failed_is_the_worst():
    whale = Whale(1, whales=2)
    whale.tell(math.nan)
    whale.tell(5.0)
    assert whale.best_value == 5
    assert np.isfinite(whale.ask()).all()


def test_it_is_pulled_to_the_middle_as_its_page_says():
    def lowest(at):
        values = []
        for seed in range(3):
            whale = Whale(10, whales=30, iterations=100, seed=seed)
            for _ in range(3000):
                whale.tell(float(np.sum(np.square(whale.ask() * 5.12 - at))))
            values.append(whale.best_value)
        return np.median(values)

    assert lowest(0) < 1e-10
    assert lowest(2) > 1e-2


def test_spaces_put_the_middle_of_each_range_at_0_and_give_each_value_as_much_space():
    space = Space({"rate": Float(1e-4, 1e-2, log=True), "units": Int(1, 4), "cell": Choice("ab")})
    assert space.values(np.zeros(3)) == {"rate": 1e-3, "units": 3, "cell": "b"}
    assert space.values(np.full(3, -9.0)) == {"rate": 1e-4, "units": 1, "cell": "a"}
    assert space.values(np.full(3, 9.0)) == {"rate": 1e-2, "units": 4, "cell": "b"}
    values = [Int(1, 4).value(x) for x in np.linspace(-1, 1, 4001)]
    assert np.abs(np.bincount(values)[1:] - 1000).max() <= 1


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"`whales` must be at least 2\. Received: whales=1"):
        Whale(2, whales=1)
    with pytest.raises(ValueError, match="above 0 where log=True"):
        Float(0, 1, log=True)
    with pytest.raises(ValueError, match="`low` must be below `high`"):
        Int(3, 1)
    with pytest.raises(ValueError, match="A choice needs a value"):
        Choice([])
