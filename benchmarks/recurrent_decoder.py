"""A recurrent decoder for searches to be measured with, of as many multiplications as `marian.py`.

A step of that Transformer, of 3 layers of 256 units, multiplies by 14 * 256² weights in each layer
and by 256 * 8,000 in the head: 4.8 million a row, and what its attention reads. Two LSTM layers of
352 units with attention, a readout and their head are 4.9 million; `weights_read` counts them.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from seqzoo.decoders import RecurrentDecoder
from seqzoo.encoders import RecurrentEncoder
from seqzoo.heads import Tokens

UNITS, LAYERS, EMBEDDING = 352, 2, 256


class RecurrentModel:
    """Random weights; no sequence ends ahead of its limit.

    Args:
        vocabulary_size: Tokens of either side.
        end_id: The token that ends a sequence.
    """

    def __init__(self, vocabulary_size: int, end_id: int):
        keras.utils.set_random_seed(0)
        self.encoder = RecurrentEncoder(vocabulary_size, EMBEDDING, UNITS // 2)
        self.decoder = RecurrentDecoder(
            vocabulary_size,
            embedding_dim=EMBEDDING,
            units=UNITS,
            layers=LAYERS,
            attention="dot",
            attend_from="current",
            readout="tanh",
            bridge="dense",
        )
        self.head = Tokens(vocabulary_size)
        encoded = self.encoder(tf.ones((1, 2), tf.int32))
        self.head(self.decoder(tf.ones((1, 2), tf.int32), encoded))
        self.head.bias.assign(self.head.bias - 1e9 * tf.one_hot(end_id, vocabulary_size))

    def weights_read(self) -> int:
        """How many weights a step of one row multiplies by."""
        kernels = [parts[0] for parts in self.decoder._projections().values()]
        kernels += [
            self.decoder._embedded_projection()[0],
            self.decoder.readout_kernel,
            self.head.kernel,
        ]
        return sum(int(tf.size(kernel)) for kernel in kernels)

    def begin(self, source_ids: tf.Tensor, width: int, max_length: int) -> tuple:
        """Returns the state ahead of the first token, and what the decoder reads from."""
        encoded = self.encoder(source_ids)
        return self.decoder.start(encoded, tf.shape(source_ids)[0], max_length, width)

    def stepper(self):
        """Returns the step of a search."""
        decoder_step = self.decoder.stepper()

        def step(token_ids, state, memory):
            hidden, state = decoder_step(token_ids, state, memory)
            return self.head.log_probs(self.head(hidden)), state

        return step
