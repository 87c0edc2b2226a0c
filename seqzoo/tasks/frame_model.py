"""Models of frames, such as those of music: each frame predicted from those before it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.decoders.language import check_causal
from seqzoo.encoders.encoder import Encoded
from seqzoo.heads.notes import NADE, NoteHead
from seqzoo.preprocessing.data_forms import RawExamples
from seqzoo.preprocessing.music import PianoRolls
from seqzoo.search.options import check_at_least
from seqzoo.search.rollout import rollout
from seqzoo.tasks.length_groups import answer_in_groups
from seqzoo.tasks.request import batches_of_like_length
from seqzoo.tasks.task import Task
from seqzoo.tasks.traced_functions import TracedFunctions
from seqzoo.training.steps import unpack_batch


@keras.saving.register_keras_serializable(package="seqzoo")
class FrameModel(Task):
    """Predicts each frame of a piece from those before it, and goes on with pieces by samples.

    Its loss is in nats a frame: the negative log-likelihood of all frames over their number, the
    first one, before which there is silence, among them. An evaluation has `loss_after_first` too,
    that of all frames but the first of each piece.

    Args:
        encoder: Reads frames as vectors of K values, from a state on: a `LanguageEncoder` or a
            `BlockEncoder` of causal mixers, of `vocabulary_size=None` and `embedding_dim` K.
        preprocessor: `PianoRolls` of K keys.
        head: Makes a distribution of the keys; None is `NADE(K)`.

    `fit` takes pieces, lists of frames, which are lists of MIDI keys, or their texts; see
    `seqzoo.preprocessing.music`.

    Call arguments:
        x: Dict of `frames` `(B, T, K)`, each the one before the one to predict, and `mask`
            `(B, T)`, True on real frames.

    Returns:
        Outputs of the head, of `(B, T, …)`.

    Raises:
        ValueError: if encoder, head and preprocessor are not of the same keys, the head is none of
            notes, or the encoder has no states or reads what comes later.

    Reference: Boulanger-Lewandowski, Bengio and Vincent, 2012, https://arxiv.org/abs/1206.6392

    Example:
        >>> rolls = sz.preprocessing.PianoRolls(lowest=60, key_count=5, max_frames=3)
        >>> model = sz.FrameModel(sz.encoders.LanguageEncoder(None, 5, units=4), rolls)
        >>> len(model.generate([[[60, 64], [62]]])[0])
        3
    """

    learning_rate = 4e-3

    def __init__(self, encoder, preprocessor: PianoRolls, head=None, **kwargs):
        keys = preprocessor.key_count
        if not isinstance(head, (NoteHead, type(None))):
            raise ValueError(
                f"`head` must be one of notes, such as `sz.heads.Bernoulli({keys})`. Received: "
                f"head={head!r}."
            )
        super().__init__(NADE(keys) if head is None else head, preprocessor, **kwargs)
        for name, count in (("encoder", encoder.embedding_dim), ("head", self.head.key_count)):
            if count != keys:
                raise ValueError(
                    f"The preprocessor has {keys} keys. Received: a{'n' * (name[0] == 'e')} {name} "
                    f"of {count}. Make it for {keys}."
                )
        if encoder.vocabulary_size is not None:
            raise ValueError(
                "Frames are vectors. Received: an encoder of tokens, vocabulary_size="
                f"{encoder.vocabulary_size}. Make it with vocabulary_size=None."
            )
        if not hasattr(encoder, "initial_state"):
            raise ValueError(
                "A model of frames goes on from a state. Received: an encoder that is "
                f"{type(encoder).__name__}. Make it a LanguageEncoder or a BlockEncoder."
            )
        check_causal(encoder, "A model of frames reads none")
        self.encoder = encoder
        self.after_first = keras.metrics.Mean(name="loss_after_first")
        self._graphs = TracedFunctions()
        self.build()

    def build(self, input_shape=None):
        """Makes all weights; no data are needed for it."""
        (vectors,) = self.encoder.input_specs().values()
        self.head(Encoded(*self.encoder(vectors)).outputs)
        self.built = True

    def call(self, x, training=False):
        encoded = Encoded(*self.encoder(x["frames"], mask=x["mask"], training=training))
        return self.head(encoded.outputs)

    def target_mask(self, x, y):
        return x["mask"]

    def train_step(self, data):
        logs = super().train_step(data)
        return {name: value for name, value in logs.items() if name != self.after_first.name}

    def test_step(self, data):
        x, y, weight = unpack_batch(data)
        later = weight * tf.cast(tf.range(tf.shape(y)[1]) > 0, weight.dtype)[:, None]
        loss, count = self.head.loss(y, self(x), later, x["mask"])
        self.after_first.update_state(tf.math.divide_no_nan(loss, count), count)
        return super().test_step(data)

    # Examples.

    def read_given(self, x, columns=None):
        return RawExamples(self.read(x, columns=columns).x)

    # Frames that go on.

    def serve(self, raw, frames: int, seeds=None, temperature=1.0) -> dict[str, tf.Tensor]:
        """Returns the `frames` `(B, frames, K)` that follow raw ones, float32, in the graph.

        Args:
            raw: See `PianoRolls.raw_spec`. Of more than `limits.source_tokens` frames, the last
                ones are read.
            frames: Int, how many follow.
            seeds: Int32 `(B,)`, of the noise; None is the index in the request. Frames of the
                same seed after the same ones are the same.
            temperature: Positive float, or `(B,)`. Below 1 the probable gets more probable. One
                that is not positive and finite counts as 1.
        """
        bounded = self.preprocessor.encode_within(raw, self.limits)
        rows = tf.shape(bounded.steps)[0]
        seeds = tf.range(rows) if seeds is None else seeds
        temperatures = tf.cast(temperature, tf.float32) * tf.ones([rows])
        is_fine = (temperatures > 0) & tf.math.is_finite(temperatures)
        temperatures = tf.where(is_fine, temperatures, 1.0)

        def answer(indices):
            inputs = self.preprocessor.pack_inputs(tf.gather(bounded.encoded, indices))
            own = (tf.gather(each, indices) for each in (seeds, temperatures))
            return {"frames": self._continued(inputs, frames, *own)}

        specs = {"frames": tf.TensorSpec([None, frames, self.preprocessor.key_count], tf.float32)}
        return answer_in_groups(bounded.steps, self.limits.rows, answer, specs)

    def _continued(self, inputs, frames: int, seeds, temperatures):
        """The frames that follow those of `PianoRolls.pack_inputs`."""
        given, mask = inputs["frames"], inputs["mask"]
        last = tf.math.count_nonzero(mask, axis=1, dtype=tf.int32) - 1
        is_before = tf.range(tf.shape(mask)[1])[None] < last[:, None]
        rows, length = tf.shape(mask)[0], tf.shape(mask)[1]
        state = self.encoder.initial_state(rows, length + frames)
        _, state = self.encoder.run(given, state, is_before)
        read, temperature = self.encoder.stepper(), temperatures[:, None]

        def step(previous, state, memory):
            hidden, state = read(previous, state)
            return self.head(hidden), state

        def draw(outputs, uniforms):
            return tf.cast(self.head.sample(outputs, uniforms, temperature), tf.float32)

        first, keys = tf.gather(given, last, batch_dims=1), self.preprocessor.key_count
        return rollout(step, state, (), first, frames, draw, keys, seeds=seeds)

    def generate(
        self,
        pieces,
        frames: int | None = None,
        temperature: float = 1.0,
        seed: int = 0,
        batch_size: int = 64,
    ) -> list[list[list[int]]]:
        """Returns the frames of MIDI keys that follow each piece, drawn by their probability.

        The frames of a piece do not depend on the others.

        Args:
            pieces: List of pieces, or of their texts; `[]` begins one.
            frames: Positive int, how many follow; None is `max_frames` of the preprocessor.
            temperature: Positive float. Below 1 the probable gets more probable.
            seed: Int. The seed of a piece is this plus its index.
            batch_size: Positive int. Max pieces that go on together.

        Raises:
            ValueError: if there is a piece that is none, or an option is out of its range.
        """
        count: int = self.preprocessor.max_frames if frames is None else frames
        options = {"frames": count, "batch_size": batch_size, "seed": seed}
        for name, value in options.items():
            if not isinstance(value, (int, np.integer)):
                raise ValueError(f"`{name}` must be an int. Received: {name}={value!r}.")
        count = int(count)
        check_at_least("frames", count, 1)
        check_at_least("batch_size", batch_size, 1)
        self._check_frames(count)
        if not 0 < temperature < float("inf"):
            raise ValueError(
                f"`temperature` must be positive and finite. Received: temperature={temperature}."
            )
        raw = self.preprocessor.as_raw(pieces)
        lengths = self.preprocessor.lengths(raw)
        specs = self._specs()
        run = self._graphs.get(
            self,
            count,
            lambda: tf.function(
                lambda raw, seed, temperature: self.serve(raw, count, seed, temperature)["frames"],
                input_signature=list(specs.values()),
                autograph=False,
            ),
        )
        rolls = np.zeros((len(lengths), count, self.preprocessor.key_count), np.float32)
        for indices in batches_of_like_length(lengths, batch_size):
            given = self.preprocessor.pad(tf.gather(raw, indices))
            seeds = tf.constant(seed + indices, tf.int32)
            rolls[indices] = run(given, seeds, tf.fill([len(indices)], float(temperature)))
        return self.preprocessor.pieces(rolls)

    def _check_frames(self, frames: int) -> None:
        if frames > self.limits.target_tokens:
            raise ValueError(
                f"`frames` must be at most {self.limits.target_tokens:,}. Received: frames="
                f"{frames:,}. Lower it, or raise `target_tokens` of the task's `limits`."
            )

    def _specs(self) -> dict[str, tf.TensorSpec]:
        """What a served request may hold."""
        own = {"seed": tf.int32, "temperature": tf.float32}
        options = {name: tf.TensorSpec([None], kind, name=name) for name, kind in own.items()}
        return {"frames": self.preprocessor.raw_spec} | options

    def serving_signatures(self, search: Any = None) -> dict[str, Any]:
        """Returns the functions of the SavedModel by the name of their signature.

        `serving_default` takes `frames` and returns the `max_frames` of the preprocessor that
        follow. `with_options` takes `seed` and `temperature` `(B,)` too.
        """
        count = self.preprocessor.max_frames
        self._check_frames(count)

        @tf.function(input_signature=[self.preprocessor.raw_spec], autograph=False)
        def serving_default(frames):
            return self.serve(frames, count)

        @tf.function(input_signature=list(self._specs().values()), autograph=False)
        def with_options(frames, seed, temperature):
            return self.serve(frames, count, seed, temperature)

        return {"serving_default": serving_default, "with_options": with_options}

    def get_config(self):
        return super().get_config() | {"encoder": keras.saving.serialize_keras_object(self.encoder)}
