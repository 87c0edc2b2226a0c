"""Tasks as files that other programs load: SavedModels for TensorFlow Serving."""

from seqzoo.export.servable import Servable, saved_model

__all__ = ["saved_model", "Servable"]
