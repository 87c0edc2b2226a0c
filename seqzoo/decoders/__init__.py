"""Decoders: they turn the tokens so far into hidden states; a head makes logits of these."""

from seqzoo.decoders.blocks import BlockDecoder
from seqzoo.decoders.caption import CaptionDecoder
from seqzoo.decoders.decoder import Decoder
from seqzoo.decoders.hard_attention import HardAttentionDecoder
from seqzoo.decoders.language import LanguageDecoder
from seqzoo.decoders.recurrent import RecurrentDecoder

DECODERS = {
    "recurrent": RecurrentDecoder,
    "caption": CaptionDecoder,
    "language": LanguageDecoder,
    "blocks": BlockDecoder,
}
"""The decoders by name that work with any head; `HardAttentionDecoder` works with a `Mixture`."""

__all__ = [
    "DECODERS",
    "BlockDecoder",
    "CaptionDecoder",
    "Decoder",
    "HardAttentionDecoder",
    "LanguageDecoder",
    "RecurrentDecoder",
]
