"""Training: the exact step, strategies, Adam in one pass, callbacks, resuming, state gradients."""

from seqzoo.training.callbacks import DecodingMetric, HistoryFile, TimingFile
from seqzoo.training.optimizer import Adam
from seqzoo.training.resume import Resume
from seqzoo.training.scheduled_sampling import mix_in_samples
from seqzoo.training.state_probes import ProbedStates, probe_states
from seqzoo.training.strategies import strategy
from seqzoo.training.watching import Progress, StopAtBadStep

__all__ = [
    "Adam",
    "DecodingMetric",
    "HistoryFile",
    "ProbedStates",
    "Progress",
    "Resume",
    "StopAtBadStep",
    "TimingFile",
    "mix_in_samples",
    "probe_states",
    "strategy",
]
