"""Encoders: they turn inputs into `Encoded`."""

from seqzoo.encoders.backbones import application_backbone, convolutional_backbone
from seqzoo.encoders.encoded import Encoded
from seqzoo.encoders.image import FeatureEncoder, ImageEncoder
from seqzoo.encoders.recurrent import RecurrentEncoder
from seqzoo.encoders.video import VideoEncoder

__all__ = [
    "Encoded",
    "FeatureEncoder",
    "ImageEncoder",
    "RecurrentEncoder",
    "VideoEncoder",
    "application_backbone",
    "convolutional_backbone",
]
