"""An embedding that drops whole words in training."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="seqzoo")
class DroppedEmbedding(keras.layers.Embedding):
    """`keras.layers.Embedding` that sets rows of its matrix to 0 for a batch in training.

    So all occurrences of a word in a batch are dropped, or none. The other rows are scaled up, so
    that the mean does not change.

    Args:
        input_dim: See `keras.layers.Embedding`, whose other arguments it takes too.
        output_dim: See `keras.layers.Embedding`.
        rate: From 0 to below 1: the share of the rows that are dropped.
        seed: Seed of the random choice.

    References: Gal and Ghahramani, 2016, https://arxiv.org/abs/1512.05287; Merity et al., 2018,
    https://arxiv.org/abs/1708.02182, section 4.3.

    Token ids `(B, T)` become vectors `(B, T, output_dim)`.

    Example:
        >>> embedding = sz.layers.DroppedEmbedding(10, 4, rate=0.2, seed=0)
        >>> tuple(embedding(np.array([[1, 2, 3]]), training=True).shape)
        (1, 3, 4)
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        rate: float = 0.1,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(input_dim, output_dim, **kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"`rate` must be at least 0 and below 1. Received: rate={rate}.")
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        if not (training and self.rate):
            return outputs
        noise = keras.random.uniform((self.input_dim,), dtype="float32", seed=self.seed_generator)
        factors = ops.cast(noise >= self.rate, outputs.dtype) / (1 - self.rate)
        return outputs * ops.take(factors, ops.cast(inputs, "int32"), axis=0)[..., None]

    def quantize(self, mode=None, type_check=True, config=None):
        super().quantize(mode, type_check=False, config=config)  # Keras's refuses a subclass

    def quantized_call(self, inputs, training=False):
        return super().quantized_call(inputs)

    def get_config(self):
        return super().get_config() | {"rate": self.rate, "seed": self.seed}
