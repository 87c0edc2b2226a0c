"""How often keys sound and go on sounding, against counts in Python."""

import numpy as np
import pytest
from tiny_music import LOWEST, K, make_frame_model, rising_pieces

from seqzoo.baselines import baselines, compare


def counted(pieces, by_last):
    """For each key, and whether it sounded before, the frames that have it and all frames."""
    counts = {}
    for piece in pieces:
        before = []
        for frame in piece:
            for key in range(LOWEST, LOWEST + K):
                kind = key, by_last and key in before
                sounding, all_ = counts.get(kind, (0, 0))
                counts[kind] = sounding + (key in frame), all_ + 1
            before = frame
    return counts


@pytest.mark.parametrize("by_last", [False, True])
def test_the_loss_is_that_of_the_shares_that_were_counted(by_last):
    train, test = rising_pieces(30), [*rising_pieces(5, 1), [[60], [], [65, 61]]]
    found = baselines(make_frame_model(), train)
    assert [each.name for each in found] == [
        "how often each key sounds",
        "how often each key goes on",
    ]
    counts, losses = counted(train, by_last), []
    for piece in test:
        before = []
        for frame in piece:
            loss = 0.0
            for key in range(LOWEST, LOWEST + K):
                sounding, all_ = counts.get((key, by_last and key in before), (0, 0))
                share = (sounding + 0.5) / (all_ + 1)
                loss -= np.log(share if key in frame else 1 - share)
            losses.append(loss)
            before = frame
    scores = compare(found, test, {}).scores[found[by_last].name]
    assert scores["loss"] == pytest.approx(np.mean(losses), rel=1e-5)


def test_pieces_without_frames_count_for_nothing():
    task, pieces = make_frame_model(), rising_pieces(9)
    for counted, alike in zip(
        baselines(task, pieces), baselines(task, [[], *pieces, []]), strict=True
    ):
        assert alike.scores([*pieces, []], {}) == counted.scores(pieces, {})
    baselines(task, [[], []])  # is for the training to refuse
