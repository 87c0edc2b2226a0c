"""Heads: projection, loss, metrics and readout in one object."""

from seqzoo.heads.classes import Classes
from seqzoo.heads.copying import Copied, Copying
from seqzoo.heads.forecast import Forecast, Point, Quantiles
from seqzoo.heads.forecast_distributions import Gaussian, StudentT
from seqzoo.heads.head import Head
from seqzoo.heads.mixture import Mixture, PositionStates
from seqzoo.heads.notes import NADE, Bernoulli, ChordBiases
from seqzoo.heads.tags import Tags
from seqzoo.heads.tokens import Tokens

HEADS = {
    "tokens": Tokens,
    "copying": Copying,
    "mixture": Mixture,
    "classes": Classes,
    "tags": Tags,
    "bernoulli": Bernoulli,
    "nade": NADE,
}
"""The heads of tokens, classes, tags and notes by name."""

FORECAST_HEADS = {
    "point": Point,
    "quantiles": Quantiles,
    "gaussian": Gaussian,
    "student_t": StudentT,
}
"""The heads of forecasts by name."""

__all__ = [
    "FORECAST_HEADS",
    "HEADS",
    "NADE",
    "Bernoulli",
    "ChordBiases",
    "Classes",
    "Copied",
    "Copying",
    "Forecast",
    "Gaussian",
    "Head",
    "Mixture",
    "PositionStates",
    "Point",
    "Quantiles",
    "StudentT",
    "Tags",
    "Tokens",
]
