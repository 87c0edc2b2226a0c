"""Pictures and measures of what a model does and of how it learned."""

from seqzoo.explain.answer import explain_answer
from seqzoo.explain.attention import attention_map
from seqzoo.explain.captions import caption_attention, contact_sheet
from seqzoo.explain.gradient_flow import GradientFlow, LayerFlow, gradient_flow
from seqzoo.explain.gradient_picture import plot_gradient_flow
from seqzoo.explain.history import learning_curves

__all__ = [
    "GradientFlow",
    "LayerFlow",
    "attention_map",
    "caption_attention",
    "contact_sheet",
    "explain_answer",
    "gradient_flow",
    "learning_curves",
    "plot_gradient_flow",
]
