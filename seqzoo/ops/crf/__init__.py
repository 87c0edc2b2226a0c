"""Linear-chain conditional random fields: scores of sequences of tags, their sums and the best.

The score of tags y is the sum of `potentials[t, y_t]` over the real steps t, and of
`transitions[y_s, y_t]` over neighbouring real steps s and t. Masked steps are left out wherever
they are, on either side or between; a row with no real step has one sequence, of score 0. A
potential or a transition of -1e9 or less, such as -inf, is forbidden.

Read `sums.py` first, then `viterbi.py`.

Reference: Lafferty et al., 2001, Conditional random fields.
"""

from seqzoo.ops.crf.sums import FORBIDDEN, log_partition, marginals, sequence_score
from seqzoo.ops.crf.viterbi import viterbi, viterbi_n_best

__all__ = [
    "FORBIDDEN",
    "log_partition",
    "marginals",
    "sequence_score",
    "viterbi",
    "viterbi_n_best",
]
