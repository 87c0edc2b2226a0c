"""Named models of music."""

from __future__ import annotations

from typing import Any

from seqzoo.encoders.language import LanguageEncoder
from seqzoo.heads.notes import NADE
from seqzoo.preprocessing.music import PianoRolls
from seqzoo.tasks.frame_model import FrameModel


def boulanger_2012(
    rolls: PianoRolls,
    units: int = 200,
    key_units: int = 128,
    activation: str = "relu",
    layers: int = 1,
    cell: str = "lstm",
    input_dropout: float = 0.0,
    dropout: float = 0.3,
    head: Any = None,
) -> FrameModel:
    """Builds the RNN-NADE: a recurrent network over frames, and a NADE over the keys of each.

    The paper's recurrence is simple, `cell="simple"`; here it is an LSTM's.

    Args:
        rolls: Which keys there are.
        units: Width of every layer.
        key_units: Width of the NADE.
        activation: Of the NADE; the paper's is "sigmoid".
        layers: Layers on top of each other.
        cell: A name in `layers.cells.CELLS`.
        input_dropout: From 0 to below 1: share of the keys that a frame is read without.
        dropout: Likewise of the values between the layers and of the outputs.
        head: In place of the NADE, such as `heads.Bernoulli()`, for which keys are independent.
    Reference: Boulanger-Lewandowski, Bengio and Vincent, 2012, https://arxiv.org/abs/1206.6392

    Example:
        >>> rolls = sz.preprocessing.PianoRolls(lowest=60, key_count=5)
        >>> model = sz.zoo.boulanger_2012(rolls, units=4, key_units=3)
        >>> model.count_params()
        230
    """
    keys = rolls.key_count
    encoder = LanguageEncoder(
        None,
        embedding_dim=keys,
        units=units,
        layers=layers,
        cell=cell,
        input_dropout=input_dropout,
        dropout=dropout,
        output_dropout=dropout,
    )
    return FrameModel(encoder, rolls, NADE(keys, key_units, activation) if head is None else head)
