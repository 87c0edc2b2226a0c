"""Encoders: they turn inputs into `Encoded`."""

from seqzoo.encoders.backbone import BackboneEncoder
from seqzoo.encoders.backbones import application_backbone, convolutional_backbone
from seqzoo.encoders.convolutional import TCN, TextCNN
from seqzoo.encoders.encoded import Encoded
from seqzoo.encoders.image import FeatureEncoder, ImageEncoder
from seqzoo.encoders.language import LanguageEncoder
from seqzoo.encoders.recurrent import RecurrentEncoder
from seqzoo.encoders.video import VideoEncoder

ENCODERS = {"recurrent": RecurrentEncoder, "text_cnn": TextCNN, "tcn": TCN}
"""The encoders of token sequences by name."""

__all__ = [
    "ENCODERS",
    "TCN",
    "BackboneEncoder",
    "Encoded",
    "FeatureEncoder",
    "ImageEncoder",
    "LanguageEncoder",
    "RecurrentEncoder",
    "TextCNN",
    "VideoEncoder",
    "application_backbone",
    "convolutional_backbone",
]
