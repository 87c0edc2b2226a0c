"""Text classifiers of the literature."""

from __future__ import annotations

from collections.abc import Sequence

from seqzoo.encoders.convolutional import TCN, TextCNN
from seqzoo.encoders.recurrent import RecurrentEncoder
from seqzoo.heads.classes import Classes
from seqzoo.layers.pooling import Pooling
from seqzoo.preprocessing.labelled_text import LabelledText
from seqzoo.tasks.classifier import Classifier
from seqzoo.zoo.sizes import Size, sized


def kim_2014(
    preprocessor: LabelledText,
    embedding_dim: int = 300,
    windows: Sequence[int] = (3, 4, 5),
    filters: int = 100,
    dropout: float = 0.5,
    embedding_dropout: float = 0.0,
    label_smoothing: float = 0.0,
    class_weights: Sequence[float] | None = None,
) -> Classifier:
    """Builds a convolution with windows of several widths and a maximum over time, CNN-rand.

    Args:
        preprocessor: Adapted `LabelledText`.
        embedding_dim: Width of the embeddings, which begin random.
        windows: Widths of the windows in tokens.
        filters: Features of each width.
        dropout: Of the pooled features.
        embedding_dropout: Of the embeddings; the paper has none.
        label_smoothing: See `Classes`.
        class_weights: See `Classes`.
    Reference: Kim, 2014, https://arxiv.org/abs/1408.5882

    Example:
        >>> tokenizer = sz.preprocessing.ByteTokenizer()
        >>> text = sz.preprocessing.LabelledText(tokenizer, labels=["bad", "good"])
        >>> sz.zoo.kim_2014(text, embedding_dim=4, filters=5).count_params()
        1328
    """
    size = preprocessor.tokenizer.vocabulary_size
    encoder = TextCNN(size, embedding_dim, windows, filters, embedding_dropout)
    head = _classes(preprocessor, label_smoothing, class_weights, dropout)
    return Classifier(encoder, preprocessor, head, pooling="max")


def conneau_2017(
    preprocessor: LabelledText,
    units: int | None = None,
    embedding_dim: int | None = None,
    layers: int = 1,
    cell: str = "lstm",
    pooling: str = "max",
    dropout: float = 0.0,
    embedding_stddev: float = 0.1,
    label_smoothing: float = 0.0,
    class_weights: Sequence[float] | None = None,
    size: Size = "small",
) -> Classifier:
    """Builds a bidirectional LSTM whose states are pooled by their maximum, BiLSTM-max.

    Args:
        preprocessor: Adapted `LabelledText`.
        units: Width of each direction; None is 128, the paper's 2048.
        embedding_dim: Width of the embeddings; None is 128, the paper's 300.
        layers: Recurrent layers on top of each other.
        cell: A name in `layers.cells.CELLS`.
        pooling: A name in `layers.pooling.POOLINGS`; the paper has max and mean.
        dropout: Of the embeddings, between layers, of outputs and of pooled features.
        embedding_stddev: Deviation of the embeddings before training.
        label_smoothing: See `Classes`.
        class_weights: See `Classes`.
        size: `"small"` trains on two cores; `"paper"` has the numbers of the paper.
    Reference: Conneau et al., 2017, https://arxiv.org/abs/1705.02364

    Example:
        >>> tokenizer = sz.preprocessing.ByteTokenizer()
        >>> text = sz.preprocessing.LabelledText(tokenizer, labels=["bad", "good"])
        >>> sz.zoo.conneau_2017(text, units=8, embedding_dim=4).count_params()
        1907
    """
    units, embedding_dim = sized(size, (units, embedding_dim), small=(128, 128), paper=(2048, 300))
    encoder = RecurrentEncoder(
        preprocessor.tokenizer.vocabulary_size,
        embedding_dim=embedding_dim,
        units=units,
        layers=layers,
        cell=cell,
        dropout=dropout,
        embedding_stddev=embedding_stddev,
    )
    head = _classes(preprocessor, label_smoothing, class_weights, dropout)
    return Classifier(encoder, preprocessor, head, pooling=pooling)


def lin_2017(
    preprocessor: LabelledText,
    units: int | None = None,
    embedding_dim: int = 100,
    attention_units: int | None = None,
    hops: int | None = None,
    dropout: float = 0.0,
    label_smoothing: float = 0.0,
    class_weights: Sequence[float] | None = None,
    size: Size = "small",
) -> Classifier:
    """Builds a bidirectional LSTM that is pooled by several attentions to itself.

    Args:
        preprocessor: Adapted `LabelledText`.
        units: Width of each direction; None is 128, the paper's 300.
        embedding_dim: Width of the embeddings.
        attention_units: Width of the hidden layer of the attention; None is 64, the paper's 350.
        hops: Attentions side by side; None is 8, the paper's 30.
        dropout: Of the embeddings, of outputs and of pooled features.
        label_smoothing: See `Classes`.
        class_weights: See `Classes`.
        size: `"small"` trains on two cores; `"paper"` has the numbers of the paper.
    Reference: Lin et al., 2017, https://arxiv.org/abs/1703.03130
    Differs from the paper: no hidden layer before the classes.

    Example:
        >>> tokenizer = sz.preprocessing.ByteTokenizer()
        >>> text = sz.preprocessing.LabelledText(tokenizer, labels=["bad", "good"])
        >>> model = sz.zoo.lin_2017(text, units=8, embedding_dim=4, attention_units=5, hops=2)
        >>> model.count_params()
        2029
    """
    units, attention_units, hops = sized(
        size, (units, attention_units, hops), small=(128, 64, 8), paper=(300, 350, 30)
    )
    words = preprocessor.tokenizer.vocabulary_size
    encoder = RecurrentEncoder(words, embedding_dim, units, dropout=dropout, embedding_stddev=0.1)
    head = _classes(preprocessor, label_smoothing, class_weights, dropout)
    pooling = Pooling("attention", attention_units, hops)
    return Classifier(encoder, preprocessor, head, pooling=pooling)


def bai_2018(
    preprocessor: LabelledText,
    units: int = 100,
    embedding_dim: int = 100,
    blocks: int = 4,
    window: int = 3,
    causal: bool = False,
    dropout: float = 0.1,
    label_smoothing: float = 0.0,
    class_weights: Sequence[float] | None = None,
) -> Classifier:
    """Builds a temporal convolutional network, residual blocks that look ever farther.

    Args:
        preprocessor: Adapted `LabelledText`.
        units: Features of every block.
        embedding_dim: Width of the embeddings.
        blocks: See `TCN`.
        window: See `TCN`.
        causal: Whether no step sees a later one, as in the paper, whose tasks need it.
        dropout: Of features in the blocks and of the pooled ones.
        label_smoothing: See `Classes`.
        class_weights: See `Classes`.
    Reference: Bai et al., 2018, https://arxiv.org/abs/1803.01271

    Example:
        >>> tokenizer = sz.preprocessing.ByteTokenizer()
        >>> text = sz.preprocessing.LabelledText(tokenizer, labels=["bad", "good"])
        >>> sz.zoo.bai_2018(text, units=8, embedding_dim=4, blocks=2).count_params()
        1803
    """
    size = preprocessor.tokenizer.vocabulary_size
    encoder = TCN(size, embedding_dim, units, blocks, window, causal, dropout)
    head = _classes(preprocessor, label_smoothing, class_weights, dropout)
    return Classifier(encoder, preprocessor, head, pooling="max")


def _classes(preprocessor, label_smoothing, class_weights, dropout) -> Classes:
    return Classes(
        len(preprocessor.labels),
        preprocessor.multi_label,
        label_smoothing=label_smoothing,
        class_weights=class_weights,
        dropout=dropout,
    )
