"""Sums and best paths of linear-chain conditional random fields."""

from seqzoo.ops.crf.chain import FORBIDDEN
from seqzoo.ops.crf.sums import log_partition, marginals, sequence_score
from seqzoo.ops.crf.viterbi import viterbi, viterbi_n_best

__all__ = [
    "FORBIDDEN",
    "log_partition",
    "marginals",
    "sequence_score",
    "viterbi",
    "viterbi_n_best",
]
