"""Training: the exact step, Adam in one pass, callbacks, resuming."""

from seqzoo.training.callbacks import DecodingMetric, HistoryFile, TimingFile
from seqzoo.training.optimizer import Adam
from seqzoo.training.resume import Resume

__all__ = ["Adam", "DecodingMetric", "HistoryFile", "Resume", "TimingFile"]
