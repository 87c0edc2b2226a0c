"""Searches of settings: ask for a trial, tell how good it was."""

from seqzoo.tuning.space import Choice, Float, Int, Space
from seqzoo.tuning.whale import Whale
from seqzoo.tuning.whale_oracle import whale_oracle
from seqzoo.tuning.whale_sampler import whale_sampler

__all__ = ["Choice", "Float", "Int", "Space", "Whale", "whale_oracle", "whale_sampler"]
