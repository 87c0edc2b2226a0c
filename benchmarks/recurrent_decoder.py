"""A recurrent translator of as many multiplications a step as the Transformer in `decoding.py`.

A step of that one, of 3 layers of 256 units, multiplies by 14 * 256² weights in each layer and by
256 * 8,000 in the head: 4.8 million a row, and what its attention reads. Two LSTM layers of 352
units with attention, a readout and their head are 4.9 million.
"""

from __future__ import annotations

import keras
import tensorflow as tf

import seqzoo as sz
from seqzoo.decoders import RecurrentDecoder
from seqzoo.encoders import RecurrentEncoder
from seqzoo.heads import Tokens

UNITS, LAYERS, EMBEDDING = 352, 2, 256


def recurrent_translator(vocabulary_size: int) -> sz.Seq2Seq:
    """Returns a translator of random weights, for token ids."""
    keras.utils.set_random_seed(0)
    task = sz.Seq2Seq(
        RecurrentEncoder(vocabulary_size, EMBEDDING, UNITS // 2),
        RecurrentDecoder(
            vocabulary_size,
            embedding_dim=EMBEDDING,
            units=UNITS,
            layers=LAYERS,
            attention="dot",
            attend_from="current",
            readout="tanh",
            bridge="dense",
        ),
        head=Tokens(vocabulary_size),
    )
    ids = tf.ones((1, 2), tf.int32)
    task({"source_ids": ids, "target_ids": ids})
    return task
