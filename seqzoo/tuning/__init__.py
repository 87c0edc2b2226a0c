"""Searches of settings: ask for a trial, tell how good it was."""

from seqzoo.tuning.space import Choice, Float, Int, Space
from seqzoo.tuning.whale import Whale

__all__ = ["Choice", "Float", "Int", "Space", "Whale"]
