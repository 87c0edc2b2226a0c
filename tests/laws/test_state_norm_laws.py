"""What holds for every mixer with a state: its norms are those of a loop over steps."""

import numpy as np
import pytest
from mixer_cases import FEATURES, ROWS, made, normal

STEPPED = [row for row in ROWS if not row.startswith(("attention", "recurrent"))]
STEPS = 5


def expected_norms(mixer, name, state):
    """The norms of what a state holds, in NumPy."""
    if name == "change of the weights":
        (position,), size = np.asarray(state.position), 0.0
        if position:  # the gradients of this mini-batch wait in the sums
            size = max(float(mixer.step_offsets[position - 1]) + 1 / position, 0.0)
        heads = [
            np.concatenate(
                [(change - size * total)[0, h].numpy().ravel() for change, total in both]
            )
            for both in [list(zip(state.changes, state.sums, strict=True))]
            for h in range(mixer.num_heads)
        ]
        return [np.linalg.norm(head) for head in heads]
    (memory,) = np.asarray(getattr(state, name))
    heads = memory if memory.ndim == 3 else memory[None]
    return [np.linalg.norm(head) for head in heads]


@pytest.mark.usefixtures("tf")
@pytest.mark.parametrize("row", STEPPED)
def test_the_norms_of_a_mixer_are_those_of_a_loop_over_steps(row):
    from seqzoo.explain.state_norms import mixer_norms

    mixer, inputs = made(row), normal(1, STEPS, FEATURES)
    found = mixer_norms(mixer, inputs)

    assert found
    state, expected = mixer.initial_state(1, STEPS), {name: [] for name in found}
    for t in range(STEPS):
        _, state = mixer.step(inputs[:, t], state)
        for name, norms in expected.items():
            norms.append(expected_norms(mixer, name, state))
    for name, norms in found.items():
        assert norms.min() >= 0
        assert norms.max() > 0
        np.testing.assert_allclose(norms, np.transpose(expected[name]), rtol=1e-9, atol=1e-12)
