"""Dropout that is the same at all steps."""

import keras


@keras.saving.register_keras_serializable(package="seqzoo")
class LockedDropout(keras.layers.SpatialDropout1D):
    """Sets features of each row to 0 in training, the same ones at all of its steps.

    The other features are scaled up, so that the mean does not change.

    Args:
        rate: From 0 to 1: the share of the features that are dropped.
        seed: Seed of the random choice.

    Call arguments:
        inputs: Float tensor `(B, T, features)`.

    References: Gal and Ghahramani, 2016, https://arxiv.org/abs/1512.05287; the name is that of
    Merity et al., 2018, https://arxiv.org/abs/1708.02182

    Example:
        >>> layer = sz.layers.LockedDropout(0.5, seed=0)
        >>> dropped = layer(np.ones((1, 2, 4), "float32"), training=True)
        >>> bool(keras.ops.all(dropped[0, 0] == dropped[0, 1]))
        True
    """
