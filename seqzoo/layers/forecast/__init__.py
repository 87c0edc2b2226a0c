"""Networks of forecasters: a window of series in, hidden states of the horizon out."""

from seqzoo.layers.forecast.decoded_horizon import DecodedHorizon
from seqzoo.layers.forecast.dilated_segments import DilatedSegments
from seqzoo.layers.forecast.encoded_window import EncodedWindow
from seqzoo.layers.forecast.network import FedBackNetwork, ForecastNetwork
from seqzoo.layers.forecast.segment_rnn import SegmentRNN
from seqzoo.layers.forecast.series_graph import SeriesGraph
from seqzoo.layers.forecast.window_stems import Patches, PooledConvolutions
from seqzoo.layers.forecast.window_steps import WindowSteps

FORECAST_NETWORKS = {
    "decoded_horizon": DecodedHorizon,
    "dilated_segments": DilatedSegments,
    "encoded_window": EncodedWindow,
    "segment_rnn": SegmentRNN,
    "window_steps": WindowSteps,
}
"""The networks by name."""

__all__ = [
    "FORECAST_NETWORKS",
    "DecodedHorizon",
    "DilatedSegments",
    "EncodedWindow",
    "FedBackNetwork",
    "ForecastNetwork",
    "Patches",
    "PooledConvolutions",
    "SegmentRNN",
    "SeriesGraph",
    "WindowSteps",
]
