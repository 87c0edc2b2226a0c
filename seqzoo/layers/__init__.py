"""Layers that stand alone in any Keras model."""

from seqzoo.layers.activation_regularization import ActivationRegularization
from seqzoo.layers.attention import (
    AdditiveAttention,
    Attention,
    ConcatAttention,
    CoverageAttention,
    DotAttention,
    GeneralAttention,
    LocationSensitiveAttention,
    Memory,
    MultiHeadAttention,
    SelfAttentionPooling,
)
from seqzoo.layers.bag_of_words import BagOfWords
from seqzoo.layers.batch_normalization import BatchNormalization
from seqzoo.layers.block import Block
from seqzoo.layers.block_stack import BlockStack
from seqzoo.layers.cells import (
    Cell,
    ChronoInitializer,
    CoupledLSTMCell,
    GRUCell,
    IndRNNCell,
    KerasCell,
    LayerNormGRUCell,
    LayerNormLSTMCell,
    LinearCell,
    LRUCell,
    LSTMCell,
    MinGRUCell,
    MinLSTMCell,
    PeepholeLSTMCell,
    ProjectedLSTMCell,
    RGLRUCell,
    SimpleRNNCell,
)
from seqzoo.layers.crf import CRF
from seqzoo.layers.dropped_embedding import DroppedEmbedding
from seqzoo.layers.feed_forward import FeedForward
from seqzoo.layers.forecast import (
    FORECAST_NETWORKS,
    DecodedHorizon,
    DilatedSegments,
    EncodedWindow,
    FedBackNetwork,
    ForecastNetwork,
    Patches,
    PooledConvolutions,
    SegmentRNN,
    SeriesGraph,
    WindowSteps,
)
from seqzoo.layers.graph import (
    GRAPH_LAYERS,
    GatedGraph,
    GraphAttention,
    GraphConvolution,
    GraphLayer,
)
from seqzoo.layers.locked_dropout import LockedDropout
from seqzoo.layers.make_blocks import make_blocks
from seqzoo.layers.mixers import (
    MLSTM,
    RWKV7,
    SLSTM,
    TTTMLP,
    GatedDelta,
    GatedLinearAttention,
    GriffinRecurrence,
    Mamba,
    Mamba2,
    MinGRU,
    RecurrentMixer,
    Retention,
    SelfAttention,
    SequenceMixer,
    TTTLinear,
)
from seqzoo.layers.normalization import StepNormalization
from seqzoo.layers.pooling import Pooling
from seqzoo.layers.positions import (
    ALiBi,
    LearnedPositions,
    RelativePositions,
    RotaryPositions,
    SinusoidalPositions,
)
from seqzoo.layers.recurrent.bidirectional import Bidirectional
from seqzoo.layers.recurrent.keras_layers import GRU, LSTM, SimpleRNN
from seqzoo.layers.recurrent.rnn import Recurrent
from seqzoo.layers.recurrent.stack import RecurrentStack
from seqzoo.layers.scaling import Scaled, SeriesScaling
from seqzoo.layers.series_smoothing import SeriesSmoothing
from seqzoo.layers.token_features import TokenFeatures

__all__ = [
    "FORECAST_NETWORKS",
    "DecodedHorizon",
    "DilatedSegments",
    "EncodedWindow",
    "FedBackNetwork",
    "ForecastNetwork",
    "Patches",
    "PooledConvolutions",
    "Scaled",
    "SegmentRNN",
    "SeriesGraph",
    "SeriesScaling",
    "SeriesSmoothing",
    "WindowSteps",
    "ActivationRegularization",
    "ChronoInitializer",
    "CoupledLSTMCell",
    "IndRNNCell",
    "KerasCell",
    "LRUCell",
    "LayerNormGRUCell",
    "LayerNormLSTMCell",
    "LinearCell",
    "MinGRUCell",
    "MinLSTMCell",
    "PeepholeLSTMCell",
    "ProjectedLSTMCell",
    "RGLRUCell",
    "AdditiveAttention",
    "Attention",
    "BagOfWords",
    "BatchNormalization",
    "Bidirectional",
    "CRF",
    "Cell",
    "ConcatAttention",
    "CoverageAttention",
    "DotAttention",
    "DroppedEmbedding",
    "GRU",
    "GRUCell",
    "GRAPH_LAYERS",
    "GatedDelta",
    "GatedGraph",
    "GatedLinearAttention",
    "GeneralAttention",
    "GraphAttention",
    "GraphConvolution",
    "GraphLayer",
    "LSTM",
    "LSTMCell",
    "LockedDropout",
    "MLSTM",
    "Mamba2",
    "LocationSensitiveAttention",
    "Memory",
    "MultiHeadAttention",
    "Pooling",
    "Recurrent",
    "RecurrentStack",
    "ALiBi",
    "Block",
    "BlockStack",
    "FeedForward",
    "StepNormalization",
    "LearnedPositions",
    "GriffinRecurrence",
    "Mamba",
    "MinGRU",
    "RecurrentMixer",
    "RelativePositions",
    "RotaryPositions",
    "SLSTM",
    "RWKV7",
    "Retention",
    "SelfAttention",
    "SelfAttentionPooling",
    "SequenceMixer",
    "SinusoidalPositions",
    "SimpleRNN",
    "SimpleRNNCell",
    "TTTLinear",
    "TTTMLP",
    "TokenFeatures",
    "make_blocks",
]
