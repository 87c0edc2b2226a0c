"""Beam search as the documentation words it, one hypothesis at a time, and brute force."""

import math
from typing import NamedTuple

from search_tables import log_probs_after


class Sequence(NamedTuple):
    tokens: tuple
    log_probs: tuple

    @property
    def total(self):
        return sum(self.log_probs)

    def extend(self, token, log_prob):
        return Sequence((*self.tokens, token), (*self.log_probs, float(log_prob)))


def score(sequence, length_penalty, alpha):
    length = len(sequence.tokens)
    penalty = {
        "none": 1.0,
        "average": length**alpha,
        "gnmt": ((5 + length) / 6) ** alpha,
    }[length_penalty]
    return sequence.total / penalty


def continuations(table, live, end, min_length):
    """All possible ones as (sequence, is ended), best first; Python's sort keeps ties in order."""
    found = []
    for sequence in live:
        for token, log_prob in enumerate(log_probs_after(table, sequence.tokens)):
            extended = sequence.extend(token, log_prob)
            too_short = token == end and len(extended.tokens) < min_length
            if log_prob > -math.inf and not too_short:
                found.append((extended, token == end))
    return sorted(found, key=lambda pair: -pair[0].total)


def can_beat(live, worst, length_penalty, alpha, max_length):
    """Whether a live hypothesis could beat a score by going on at no cost."""
    for sequence in live:
        for length in range(len(sequence.tokens) + 1, max_length + 1):
            free = Sequence(
                (None,) * length, sequence.log_probs + (0.0,) * (length - len(sequence.tokens))
            )
            if score(free, length_penalty, alpha) > worst:
                return True
    return False


def reference_beam(table, end, search):
    """Returns the `n_best` sequences of one example, best first."""
    penalty = search.length_penalty, search.alpha
    live, finished = [Sequence((), ())], []
    for length in range(1, search.max_length + 1):
        looked_at = continuations(table, live, end, search.min_length)[: 2 * search.width]
        live = [sequence for sequence, ended in looked_at if not ended][: search.width]
        for place, (sequence, ended) in enumerate(looked_at):
            at_the_limit = length == search.max_length and sequence in live
            if at_the_limit or (ended and place < search.width):
                finished.append(sequence)
        finished.sort(key=lambda sequence: -score(sequence, *penalty))
        finished = finished[: search.width]

        full = len(finished) == search.width
        if search.stop == "first" and full:
            break
        if search.stop == "optimal" and full:
            worst = score(finished[-1], *penalty)
            if not can_beat(live, worst, *penalty, search.max_length):
                break
    return finished[: search.n_best]


def enumerate_sequences(table, end, min_length, max_length):
    """Every possible sequence up to `max_length` that ends, or is that long."""
    live, complete = [Sequence((), ())], []
    for length in range(1, max_length + 1):
        found = continuations(table, live, end, min_length)
        complete += [s for s, ended in found if ended or length == max_length]
        live = [s for s, ended in found if not ended]
    return complete


def brute_force(table, end, search):
    complete = enumerate_sequences(table, end, search.min_length, search.max_length)
    complete.sort(key=lambda s: -score(s, search.length_penalty, search.alpha))
    return complete[: search.n_best]
