"""Models of music that look at no more than the last frame of each key by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_HALF = 0.5  # a frame that is added to the counts of each kind, so that none is 0


class KeyShares:
    """Expects each key as often as it sounds in the pieces that it has learned from.

    Args:
        rolls: The preprocessor of a model of frames.
        pieces: To learn from.
    """

    name = "how often each key sounds"

    def __init__(self, rolls: Any, pieces: Sequence[Any]):
        self._rolls = rolls
        before, now = self._frames(pieces)
        self._shares = self._learned(before, now)

    def _frames(self, pieces: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
        """Returns the frames of all pieces `(N, K)`, silence before the first, and those after."""
        raw = self._rolls.as_raw(pieces)
        now, starts = raw.flat_values.numpy(), raw.row_starts().numpy()
        before = np.concatenate([np.zeros((1, now.shape[1]), now.dtype), now])
        before[starts] = 0
        return before[: len(now)], now

    def _learned(self, before: np.ndarray, now: np.ndarray) -> np.ndarray:
        """Returns the share of frames that have each key, for any frame before it, `(2, K)`."""
        share = (now.sum(axis=0) + _HALF) / (len(now) + 2 * _HALF)
        return np.stack([share, share])

    def scores(self, pieces: Sequence[Any]) -> dict[str, float]:
        """Returns the mean loss of a frame, in nats."""
        before, now = self._frames(pieces)
        share = np.where(before > 0, self._shares[1], self._shares[0])
        return {"loss": -float(np.log(np.where(now > 0, share, 1 - share)).sum(axis=1).mean())}


class KeyChanges(KeyShares):
    """Expects each key as often as it sounds after a frame that has it, or has it not."""

    name = "how often each key goes on"

    def _learned(self, before: np.ndarray, now: np.ndarray) -> np.ndarray:
        kinds = (1 - before, before)
        counts = [((kind * now).sum(axis=0), kind.sum(axis=0)) for kind in kinds]
        return np.stack([(both + _HALF) / (all_ + 2 * _HALF) for both, all_ in counts])
