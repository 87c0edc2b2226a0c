"""Registers the classes of seqzoo with Keras as soon as Keras is imported.

`keras.models.load_model` finds a class by its registered name once the module of the class has
been imported. `import seqzoo` imports none, because Keras takes seconds to load.
"""

import importlib
import sys
import warnings
from importlib.machinery import ModuleSpec

MODULES = ("layers", "heads", "encoders", "decoders", "metrics.tokens")
"""Modules with registered classes that run on any Keras backend."""

TENSORFLOW_MODULES = ("preprocessing", "training", "tasks")
"""Further ones, which import TensorFlow; they are imported if it is Keras's backend."""


def register_with_keras() -> None:
    """Registers now if Keras is imported already, else once it is."""
    if "keras" in sys.modules:
        _import_modules()
    else:
        sys.meta_path.insert(0, _KerasWatcher())


class _KerasWatcher:
    """A finder that leaves the search to the other finders, and registers when an import ends.

    TensorFlow and modules of seqzoo import Keras too, and are unfinished when the import of Keras
    ends. So the end of the outermost of these imports counts.
    """

    def __init__(self):
        self._unfinished = 0

    def find_spec(self, name, path=None, target=None) -> ModuleSpec | None:
        if name not in ("keras", "tensorflow") and not name.startswith("seqzoo."):
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            self._watch(spec.loader)
        return spec

    def _watch(self, loader) -> None:
        execute = loader.exec_module

        def exec_module(module):
            self._unfinished += 1
            try:
                execute(module)
            finally:
                self._unfinished -= 1
            if not self._unfinished and "keras" in sys.modules and self in sys.meta_path:
                sys.meta_path.remove(self)
                _import_modules()

        loader.exec_module = exec_module


def _import_modules() -> None:
    keras = sys.modules["keras"]
    on_tensorflow = keras.config.backend() == "tensorflow"
    try:
        for module in MODULES + (TENSORFLOW_MODULES if on_tensorflow else ()):
            importlib.import_module(f"seqzoo.{module}")
    except ImportError as error:  # `import keras` itself must not fail
        warnings.warn(f"Keras cannot load seqzoo's classes: {error}", stacklevel=2)
