"""Beam search as the documentation words it, one hypothesis at a time, and brute force."""

import math
from typing import NamedTuple

import numpy as np
from constraint_reference import REFERENCES
from search_tables import PAD, START, alignments_of, log_probs_after

from seqzoo.search.constraints import CONSTRAINTS


class Sequence(NamedTuple):
    tokens: tuple
    log_probs: tuple

    @property
    def total(self):
        return sum(self.log_probs)

    def extend(self, token, log_prob):
        return Sequence((*self.tokens, token), (*self.log_probs, float(log_prob)))


class Row(NamedTuple):
    """What is known of one example, beside its table."""

    prefix: tuple = ()  # -1: nothing is forced
    source: tuple | None = None  # True on real steps
    min_length: int = 0
    max_length: int = 0


def row_of(search, **known):
    """A row as long as the search says."""
    return Row(**{"min_length": search.min_length, "max_length": search.max_length} | known)


def score(sequence, search, row=None):
    length = len(sequence.tokens)
    penalty = {
        "none": 1.0,
        "average": length**search.alpha,
        "gnmt": ((5 + length) / 6) ** search.alpha,
    }[search.length_penalty]
    return sequence.total / penalty + coverage(sequence, search, row)


def coverage(sequence, search, row):
    if not search.coverage_penalty:
        return 0.0
    covered = alignments_of(sequence.tokens).astype("float64").sum(axis=0)
    if row is not None and row.source is not None:
        covered = covered[list(row.source)]
    return search.coverage_penalty * np.log(np.minimum(covered, 1.0)).sum()


def next_log_probs(table, tokens, search, row, end):
    """What the constraints make of the table's log-probs, in float64."""
    model = log_probs_after(table, tokens)
    found = model.copy()
    kinds = {kind: name for name, kind in CONSTRAINTS.items()}
    for constraint in search.constraints:
        REFERENCES[kinds[type(constraint)]](constraint, list(tokens), found, row.max_length, end)
    forced = row.prefix[len(tokens)] if len(tokens) < len(row.prefix) else -1
    if forced >= 0:
        found[:] = -math.inf
        found[forced] = model[forced]
    found[[token for token in {PAD, START} - {end} if token < len(found)]] = -math.inf
    return found


def continuations(table, live, end, search, row, said=()):
    """All possible ones as (sequence, is ended), best first; Python's sort keeps ties in order.

    `said` are the tokens that earlier groups went on with.
    """
    found = []
    for sequence in live:
        following = next_log_probs(table, sequence.tokens, search, row, end)
        for token, log_prob in enumerate(following):
            extended = sequence.extend(token, log_prob)
            too_short = token == end and len(extended.tokens) < row.min_length
            if log_prob > -math.inf and not too_short:
                rank = extended.total - search.diversity * said.count(token) if said else None
                rank = extended.total if rank is None else rank
                found.append((rank, extended, token == end))
    return [pair for _, *pair in sorted(found, key=lambda each: -each[0])]


def can_beat(live, worst, search, most):
    """Whether a live hypothesis could beat a score by going on at no cost."""
    free = search.__class__(**{**vars(search), "coverage_penalty": 0.0})
    for sequence in live:
        for length in range(len(sequence.tokens) + 1, most + 1):
            nothing = (0.0,) * (length - len(sequence.tokens))
            longer = Sequence((None,) * length, sequence.log_probs + nothing)
            if score(longer, free) > worst:
                return True
    return False


class Group:
    """A beam of its own."""

    def __init__(self):
        self.live, self.finished, self.over = [Sequence((), ())], [], False


def step(group, width, table, end, search, row, said):
    length = len(group.live[0].tokens) + 1
    looked_at = continuations(table, group.live, end, search, row, said)[: 2 * width]
    group.live = [sequence for sequence, ended in looked_at if not ended][:width]
    if not group.over:
        for place, (sequence, ended) in enumerate(looked_at):
            at_the_limit = length == row.max_length and sequence in group.live
            if at_the_limit or (ended and place < width):
                group.finished.append(sequence)
        group.finished.sort(key=lambda sequence: -score(sequence, search, row))
        group.finished = group.finished[:width]
    full = len(group.finished) == width
    if search.stop == "first" and full:
        group.over = True
    if search.stop == "settled" and full:
        kept = group.finished[min(search.n_best, width) - 1]
        free = search.__class__(**{**vars(search), "coverage_penalty": 0.0})
        ahead = [score(sequence, free) > score(kept, search, row) for sequence in group.live]
        group.over |= not any(ahead)
    if search.stop == "optimal" and full:
        worst = score(group.finished[-1], search, row)
        group.over |= not can_beat(group.live, worst, search, row.max_length)
    group.over |= not group.live


def reference_beam(table, end, search, row=None):
    """Returns the `n_best` sequences of one example, best first."""
    row = row_of(search) if row is None else row
    width = search.width // search.groups
    groups = [Group() for _ in range(search.groups)]
    for _ in range(row.max_length):
        said = []
        for group in groups:
            was_over = group.over
            if group.live:
                step(group, width, table, end, search, row, said)
            if not was_over:
                said += [sequence.tokens[-1] for sequence in group.live]
        if all(group.over for group in groups):
            break
    found = {s.tokens: s for group in reversed(groups) for s in reversed(group.finished)}
    places = list(enumerate(s for group in groups for s in group.finished))
    order = {s.tokens: i for i, s in reversed(places)}  # of one found twice, the first place
    ranked = sorted(found.values(), key=lambda s: order.get(s.tokens, math.inf))
    if search.groups == 1:
        ranked = groups[0].finished
    return sorted(ranked, key=lambda s: -score(s, search, row))[: search.n_best]


def enumerate_sequences(table, end, search, row):
    """Every possible sequence up to the limit that ends, or is that long."""
    live, complete = [Sequence((), ())], []
    for length in range(1, row.max_length + 1):
        found = continuations(table, live, end, search, row)
        complete += [s for s, ended in found if ended or length == row.max_length]
        live = [s for s, ended in found if not ended]
    return complete


def brute_force(table, end, search, row=None):
    row = row_of(search) if row is None else row
    complete = enumerate_sequences(table, end, search, row)
    complete.sort(key=lambda s: -score(s, search, row))
    return complete[: search.n_best]
