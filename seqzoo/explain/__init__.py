"""Pictures of what a model does and of how it learned, with Matplotlib."""

from seqzoo.explain.attention import attention_map
from seqzoo.explain.history import learning_curves

__all__ = ["attention_map", "learning_curves"]
