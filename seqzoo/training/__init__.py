"""Training: the exact step, strategies, Adam in one pass, callbacks, resuming, state gradients."""

from seqzoo.training.averaging import EvaluateAverage, average_checkpoints
from seqzoo.training.callbacks import DecodingMetric, HistoryFile, TimingFile
from seqzoo.training.image_words import learn_words, word_shares
from seqzoo.training.optimizer import Adam
from seqzoo.training.resume import Resume
from seqzoo.training.scheduled_sampling import ScheduledSampling, mix_in_samples
from seqzoo.training.schedules import InverseSquareRoot
from seqzoo.training.state_probes import ProbedStates, probe_states
from seqzoo.training.strategies import strategy
from seqzoo.training.watching import Progress, StopAtBadStep, WarnOfIdleSteps

__all__ = [
    "Adam",
    "DecodingMetric",
    "EvaluateAverage",
    "HistoryFile",
    "InverseSquareRoot",
    "ProbedStates",
    "Progress",
    "Resume",
    "ScheduledSampling",
    "StopAtBadStep",
    "TimingFile",
    "WarnOfIdleSteps",
    "average_checkpoints",
    "learn_words",
    "mix_in_samples",
    "probe_states",
    "strategy",
    "word_shares",
]
