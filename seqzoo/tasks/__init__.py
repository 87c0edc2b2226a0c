"""Tasks: models that are trained on raw examples and answer raw inputs."""

from seqzoo.tasks.autoregressive_forecaster import AutoregressiveForecaster
from seqzoo.tasks.backtest import Backtest
from seqzoo.tasks.captioner import Captioner
from seqzoo.tasks.classifier import Classifier
from seqzoo.tasks.ensemble import Ensemble
from seqzoo.tasks.forecaster import Forecaster
from seqzoo.tasks.frame_model import FrameModel
from seqzoo.tasks.generation import GenerationTask
from seqzoo.tasks.language_model import LanguageModel
from seqzoo.tasks.masked_language_model import Filling, MaskedLanguageModel
from seqzoo.tasks.mean_answers import ClassifierEnsemble, TaggerEnsemble
from seqzoo.tasks.mean_forecaster import MeanForecaster
from seqzoo.tasks.request import Generated
from seqzoo.tasks.saving import load
from seqzoo.tasks.scoring import Scored
from seqzoo.tasks.sentence_encoder import SentenceEncoder
from seqzoo.tasks.seq2seq import Seq2Seq
from seqzoo.tasks.tagger import Tagger, TagPath
from seqzoo.tasks.task import Task

TASKS = {
    "captioner": Captioner,
    "seq2seq": Seq2Seq,
    "language_model": LanguageModel,
    "classifier": Classifier,
    "tagger": Tagger,
    "masked_language_model": MaskedLanguageModel,
    "sentence_encoder": SentenceEncoder,
    "frame_model": FrameModel,
    "forecaster": Forecaster,
}
"""The tasks by name."""

__all__ = [
    "TASKS",
    "AutoregressiveForecaster",
    "Backtest",
    "Captioner",
    "Classifier",
    "ClassifierEnsemble",
    "Ensemble",
    "Filling",
    "Forecaster",
    "FrameModel",
    "Generated",
    "GenerationTask",
    "LanguageModel",
    "MaskedLanguageModel",
    "MeanForecaster",
    "Scored",
    "SentenceEncoder",
    "Seq2Seq",
    "TagPath",
    "Tagger",
    "TaggerEnsemble",
    "Task",
    "load",
]
