"""Pictures and measures of what a model does and of how it learned."""

from seqzoo.explain.attention import attention_map
from seqzoo.explain.beam_tree import beam_tree
from seqzoo.explain.gradient_flow import GradientFlow, LayerFlow, gradient_flow
from seqzoo.explain.gradient_picture import plot_gradient_flow
from seqzoo.explain.history import learning_curves

__all__ = [
    "GradientFlow",
    "LayerFlow",
    "attention_map",
    "beam_tree",
    "gradient_flow",
    "learning_curves",
    "plot_gradient_flow",
]
