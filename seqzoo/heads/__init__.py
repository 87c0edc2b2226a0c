"""Heads: projection, loss, metrics and readout in one object."""

from seqzoo.heads.classes import Classes
from seqzoo.heads.head import Head
from seqzoo.heads.tags import Tags
from seqzoo.heads.tokens import Tokens

HEADS = {"tokens": Tokens, "classes": Classes, "tags": Tags}
"""The heads by name."""

__all__ = ["HEADS", "Classes", "Head", "Tags", "Tokens"]
