"""Tasks whose decoder is fed some of its own samples in training."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from seqzoo.encoders.encoder import Encoded
from seqzoo.search.step import alignment_of
from seqzoo.tasks.generation import GenerationTask
from seqzoo.training.scheduled_sampling import ScheduledSampling, mix_in_samples


class SampledFeeding(GenerationTask):
    """A task that generates, and takes `scheduled_sampling` in `compile`."""

    scheduled_sampling: ScheduledSampling | None = None

    def compile(self, *args, scheduled_sampling: ScheduledSampling | None = None, **kwargs):
        """Sets how the task learns.

        Args:
            *args: Those of `Task.compile`.
            scheduled_sampling: How often the decoder is fed its own samples; None is never.
            **kwargs: Those of `Task.compile`.
        """
        super().compile(*args, **kwargs)
        self.scheduled_sampling = scheduled_sampling

    def get_compile_config(self):
        config = super().get_compile_config()
        if config:
            sampling = keras.saving.serialize_keras_object(self.scheduled_sampling)
            config["scheduled_sampling"] = sampling
        return config

    def known(self, token_ids: Any) -> Any:
        """Returns the ids that the model embeds for tokens, some of which may have been copied."""
        return token_ids

    def fed(self, token_ids: tf.Tensor, encoded: Any, source_ids: Any = None) -> tf.Tensor:
        """Returns the tokens `(N, T)` that the decoder is fed in a training step.

        Args:
            token_ids: `(N, T)`, those of the targets.
            encoded: What the decoder reads, a row for one row of the tokens or for several.
            source_ids: `(B, S)`, for a head that copies.
        """
        sampling = self.scheduled_sampling
        if sampling is None or not sampling.rate:
            return token_ids
        now = self.optimizer.iterations
        rows, steps = tf.unstack(tf.shape(token_ids))
        examples = tf.shape(Encoded(*encoded).mask)[0]
        width = rows // tf.maximum(examples, 1)
        state, memory = self.decoder.start(encoded, examples, steps, width)
        decoder_step = self.decoder.stepper()

        def step(token_ids, state, memory):
            hidden, state = decoder_step(self.known(token_ids), state, memory)
            return self.head(hidden, reads=(alignment_of(state), source_ids)), state

        drawn = sampling.share(now), sampling.draws(now), sampling.per
        return mix_in_samples(step, state, memory, token_ids, *drawn)
