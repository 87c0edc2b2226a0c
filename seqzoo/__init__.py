"""seqzoo: a model zoo for sequence models on Keras 3 and TensorFlow.

    import seqzoo as sz

What is named here is imported when it is first used, so that `import seqzoo` is quick.
"""

import importlib
import os
import sys
from typing import TYPE_CHECKING

from seqzoo.registration import register_with_keras
from seqzoo.version import __version__

# TensorFlow reads them when it is imported; values that the user has set stay. Without oneDNN,
# which it leaves off on processors without AVX512-VNNI, a product by a transposed matrix, half of
# all products of a train step, is several times slower (`ops.tensorflow.products` wants to know
# which it is, so nothing is set where it is too late). With its own allocator it hands the
# memory of one step to the next, where malloc gives it back to the system each time: a train step
# of benchmarks/seqzoo_side.py took 10 % less time.
# Log level 1 hides the notices of its C++ code; 2 would hide warnings too, such as that of a
# missing CUDA library, on which a user can act.
if "tensorflow" not in sys.modules:
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

if TYPE_CHECKING:
    from seqzoo import (
        backtesting,
        baselines,
        datasets,
        decoders,
        encoders,
        explain,
        export,
        heads,
        importing,
        layers,
        metrics,
        ops,
        preprocessing,
        search,
        tasks,
        trained,
        training,
        tuning,
        zoo,
    )
    from seqzoo.importing import from_preset
    from seqzoo.search import BeamSearch, Greedy, Sample
    from seqzoo.tasks import (
        Captioner,
        Classifier,
        ClassifierEnsemble,
        Ensemble,
        Forecaster,
        FrameModel,
        LanguageModel,
        MaskedLanguageModel,
        SentenceEncoder,
        Seq2Seq,
        Tagger,
        TaggerEnsemble,
        load,
    )
    from seqzoo.trained import presets

_FOLDERS = (
    *(
        "backtesting",
        "baselines",
        "datasets",
        "decoders",
        "encoders",
        "explain",
        "export",
        "heads",
        "importing",
        "layers",
        "metrics",
    ),
    *("ops", "preprocessing", "search", "tasks", "trained", "training", "tuning", "zoo"),
)
_HOMES = {
    "BeamSearch": "search",
    "Captioner": "tasks",
    "Classifier": "tasks",
    "ClassifierEnsemble": "tasks",
    "Ensemble": "tasks",
    "Forecaster": "tasks",
    "FrameModel": "tasks",
    "Greedy": "search",
    "LanguageModel": "tasks",
    "Sample": "search",
    "MaskedLanguageModel": "tasks",
    "SentenceEncoder": "tasks",
    "Seq2Seq": "tasks",
    "Tagger": "tasks",
    "TaggerEnsemble": "tasks",
    "from_preset": "importing",
    "load": "tasks",
    "presets": "trained",
}

__all__ = [
    "__version__",
    "BeamSearch",
    "Captioner",
    "Classifier",
    "ClassifierEnsemble",
    "Ensemble",
    "Forecaster",
    "FrameModel",
    "Greedy",
    "LanguageModel",
    "Sample",
    "MaskedLanguageModel",
    "SentenceEncoder",
    "Seq2Seq",
    "Tagger",
    "TaggerEnsemble",
    "backtesting",
    "baselines",
    "datasets",
    "decoders",
    "encoders",
    "explain",
    "export",
    "from_preset",
    "heads",
    "importing",
    "layers",
    "load",
    "metrics",
    "ops",
    "preprocessing",
    "presets",
    "search",
    "tasks",
    "trained",
    "training",
    "tuning",
    "zoo",
]


def __getattr__(name: str):
    """Imports a folder, or the object from its home, on first use."""
    if name in _FOLDERS:
        return importlib.import_module(f"seqzoo.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"seqzoo.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'seqzoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


register_with_keras()
