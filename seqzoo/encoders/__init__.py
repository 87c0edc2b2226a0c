"""Encoders: they turn inputs into `Encoded`."""

from seqzoo.encoders.backbone import BackboneEncoder
from seqzoo.encoders.convolutional import TCN, TextCNN
from seqzoo.encoders.encoded import Encoded
from seqzoo.encoders.language import LanguageEncoder
from seqzoo.encoders.recurrent import RecurrentEncoder

ENCODERS = {"recurrent": RecurrentEncoder, "text_cnn": TextCNN, "tcn": TCN}
"""The encoders of token sequences by name."""

__all__ = [
    "ENCODERS",
    "TCN",
    "BackboneEncoder",
    "Encoded",
    "LanguageEncoder",
    "RecurrentEncoder",
    "TextCNN",
]
