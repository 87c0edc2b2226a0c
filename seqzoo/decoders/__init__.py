"""Decoders: they turn the tokens so far into hidden states; a head makes logits of these."""

from seqzoo.decoders.caption import CaptionDecoder
from seqzoo.decoders.language import LanguageDecoder
from seqzoo.decoders.recurrent import RecurrentDecoder

__all__ = ["CaptionDecoder", "LanguageDecoder", "RecurrentDecoder"]
