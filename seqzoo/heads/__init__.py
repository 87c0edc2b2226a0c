"""Heads: projection, loss, metrics and readout in one object."""

from seqzoo.heads.tokens import Tokens

__all__ = ["Tokens"]
