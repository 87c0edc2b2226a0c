"""Training: the exact step, Adam in one pass, callbacks, resuming, the gradients of states."""

from seqzoo.training.callbacks import DecodingMetric, HistoryFile, TimingFile
from seqzoo.training.optimizer import Adam
from seqzoo.training.resume import Resume
from seqzoo.training.scheduled_sampling import mix_in_samples
from seqzoo.training.state_probes import ProbedStates, probe_states

__all__ = [
    "Adam",
    "DecodingMetric",
    "HistoryFile",
    "ProbedStates",
    "Resume",
    "TimingFile",
    "mix_in_samples",
    "probe_states",
]
