"""Pictures and measures of what a model does and of how it learned."""

from seqzoo.explain.attention_map import attention_map
from seqzoo.explain.attention_weights import (
    AttentionWeights,
    attention_weights,
    plot_attention_weights,
)
from seqzoo.explain.backtest_pictures import plot_backtest, plot_calibration, plot_skill
from seqzoo.explain.beam_tree import beam_tree
from seqzoo.explain.caption_pictures import caption_attention, contact_sheet
from seqzoo.explain.class_pictures import confusion_matrix, reliability_diagram
from seqzoo.explain.exposure_bias import ExposureBias, exposure_bias, plot_exposure_bias
from seqzoo.explain.forecast_fan import forecast_fan
from seqzoo.explain.gradient_flow import (
    GradientFlow,
    LayerFlow,
    gradient_flow,
    plot_gradient_flow,
)
from seqzoo.explain.learning_curves import learning_curves
from seqzoo.explain.motifs import Motif, motifs, plot_motifs
from seqzoo.explain.piano_roll import plot_piano_roll
from seqzoo.explain.run_pictures import explain_input, run_pictures
from seqzoo.explain.state_norms import Remembered, StateNorms, plot_state_norms, state_norms
from seqzoo.explain.token_pictures import attribution, tag_probabilities, token_effects
from seqzoo.explain.token_probabilities import (
    TokenProbabilities,
    plot_token_probabilities,
    token_probabilities,
)

__all__ = [
    "AttentionWeights",
    "Remembered",
    "StateNorms",
    "TokenProbabilities",
    "attention_weights",
    "plot_attention_weights",
    "plot_state_norms",
    "plot_token_probabilities",
    "state_norms",
    "token_probabilities",
    "ExposureBias",
    "GradientFlow",
    "LayerFlow",
    "Motif",
    "attention_map",
    "attribution",
    "beam_tree",
    "caption_attention",
    "confusion_matrix",
    "contact_sheet",
    "explain_input",
    "exposure_bias",
    "forecast_fan",
    "gradient_flow",
    "learning_curves",
    "plot_backtest",
    "plot_calibration",
    "plot_exposure_bias",
    "motifs",
    "plot_gradient_flow",
    "plot_motifs",
    "plot_skill",
    "plot_piano_roll",
    "reliability_diagram",
    "run_pictures",
    "tag_probabilities",
    "token_effects",
]
