"""Encoders: they turn inputs into `Encoded`."""

from seqzoo.encoders.encoded import Encoded
from seqzoo.encoders.language import LanguageEncoder
from seqzoo.encoders.recurrent import RecurrentEncoder

__all__ = ["Encoded", "LanguageEncoder", "RecurrentEncoder"]
