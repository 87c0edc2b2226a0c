"""Encoders: they turn inputs into `Encoded`."""

from seqzoo.encoders.backbone import BackboneEncoder
from seqzoo.encoders.blocks import BlockEncoder
from seqzoo.encoders.chain import EncoderChain
from seqzoo.encoders.convolutional import TCN, TextCNN
from seqzoo.encoders.encoder import Encoded, Encoder
from seqzoo.encoders.graphs import GraphEncoder
from seqzoo.encoders.image import FeatureEncoder, ImageEncoder
from seqzoo.encoders.image_backbones import application_backbone, convolutional_backbone
from seqzoo.encoders.language import LanguageEncoder
from seqzoo.encoders.recurrent import RecurrentEncoder
from seqzoo.encoders.strands import BothStrands
from seqzoo.encoders.video import VideoEncoder

ENCODERS = {
    "recurrent": RecurrentEncoder,
    "text_cnn": TextCNN,
    "tcn": TCN,
    "blocks": BlockEncoder,
    "language": LanguageEncoder,
    "backbone": BackboneEncoder,
    "image": ImageEncoder,
    "features": FeatureEncoder,
    "video": VideoEncoder,
    "chain": EncoderChain,
    "both_strands": BothStrands,
    "graph": GraphEncoder,
}
"""The encoders by name."""

__all__ = [
    "ENCODERS",
    "TCN",
    "BackboneEncoder",
    "BlockEncoder",
    "BothStrands",
    "Encoded",
    "Encoder",
    "EncoderChain",
    "FeatureEncoder",
    "GraphEncoder",
    "ImageEncoder",
    "LanguageEncoder",
    "RecurrentEncoder",
    "TextCNN",
    "VideoEncoder",
    "application_backbone",
    "convolutional_backbone",
]
