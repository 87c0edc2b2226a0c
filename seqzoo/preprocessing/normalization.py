"""Normal forms of text in core TensorFlow ops, so that an exported graph holds them."""

from __future__ import annotations

import functools
import itertools
import sys
import unicodedata
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
import tensorflow as tf

# What `str.split` takes for white space.
_SPACES = r"[\s\x0b\x1c-\x1f\x{85}\p{Z}]+"

# Hangul syllables are composed by arithmetic (Unicode 3.12): first code point and number of
# the leading consonants, vowels and trailing consonants. Trailing number 0 is "none".
_L_BASE, _V_BASE, _T_BASE, _S_BASE = 0x1100, 0x1161, 0x11A7, 0xAC00
_L_COUNT, _V_COUNT, _T_COUNT = 19, 21, 28

_PAIR = 2**21  # above every code point: first * _PAIR + second is a pair in one number


class Tables(NamedTuple):
    """What Python's `unicodedata` knows of one normal form, as sorted arrays.

    `decomposed[starts[i] : starts[i + 1]]` is the full decomposition of
    `decomposing[i]`; Hangul syllables are left whole, since composition would
    make them again. `pairs[i]` are composed to `composites[i]`.
    """

    unstable: str  # RE2 class of the characters that a normal form may not leave as they are
    decomposing: np.ndarray
    starts: np.ndarray
    decomposed: np.ndarray
    marks: np.ndarray
    mark_classes: np.ndarray
    pairs: np.ndarray
    composites: np.ndarray


def replace_invalid(strings: tf.Tensor) -> tf.Tensor:
    """Puts U+FFFD for invalid UTF-8 and for U+0000, at which `tf.strings.lower` would stop."""
    valid = tf.strings.unicode_transcode(strings, "UTF-8", "UTF-8", errors="replace")
    return tf.strings.regex_replace(valid, r"\x00", "\ufffd")


def squeeze_spaces(strings: tf.Tensor) -> tf.Tensor:
    """Makes one space of every run of white space and drops those at the ends."""
    strings = tf.strings.regex_replace(strings, _SPACES, " ")
    return tf.strings.regex_replace(strings, "^ | $", "")


def unicode_normalize(strings: tf.Tensor, form: Literal["nfc", "nfkc"]) -> tf.Tensor:
    """Puts valid UTF-8 strings `(B,)` in a Unicode normal form.

    Equals `unicodedata.normalize` of the Python that built the graph. Only the
    strings that hold a character which can change go the long way.

    Reference: Unicode Standard Annex 15, https://www.unicode.org/reports/tr15/
    """
    tables = _tables(form)
    unstable = tf.strings.regex_full_match(strings, f"(?s).*{tables.unstable}.*")
    changed = tf.cond(
        tf.reduce_any(unstable),
        lambda: _normalize(tf.boolean_mask(strings, unstable), tables),
        lambda: tf.constant([], tf.string),
    )
    return tf.tensor_scatter_nd_update(strings, tf.where(unstable), changed)


def _normalize(strings: tf.Tensor, tables: Tables) -> tf.Tensor:
    points = tf.strings.unicode_decode(strings, "UTF-8")
    points, rows = _decompose(points.flat_values, points.value_rowids(), tables)
    points, classes = _reorder(points, rows, tables)
    points, rows = _compose(points, classes, rows, tables)
    normal = tf.RaggedTensor.from_value_rowids(points, rows, tf.size(strings, tf.int64))
    return tf.strings.unicode_encode(normal, "UTF-8")


def _decompose(points: tf.Tensor, rows: tf.Tensor, tables: Tables) -> tuple[tf.Tensor, tf.Tensor]:
    """Puts the full decomposition in the place of each code point, `(P,)` -> `(Q,)`."""
    place, found = _find(tables.decomposing, points)
    bounds = tf.constant(tables.starts)
    starts = tf.gather(bounds, place)
    lengths = tf.where(found, tf.gather(bounds, place + 1) - starts, 1)

    origin = tf.repeat(tf.range(tf.size(points)), lengths)  # (Q,) places in points
    offset = tf.range(tf.size(origin)) - tf.gather(tf.cumsum(lengths, exclusive=True), origin)
    parts = tf.gather(tables.decomposed, tf.gather(starts, origin) + offset)
    parts = tf.where(tf.gather(found, origin), parts, tf.gather(points, origin))
    return parts, tf.gather(rows, origin)


def _reorder(points: tf.Tensor, rows: tf.Tensor, tables: Tables) -> tuple[tf.Tensor, tf.Tensor]:
    """Sorts each run of marks by combining class, and returns points and classes `(P,)`."""
    place, found = _find(tables.marks, points)
    classes = tf.where(found, tf.gather(tables.mark_classes, place), 0)
    first_of_row = tf.concat([[True], rows[1:] != rows[:-1]], axis=0)
    run = tf.cumsum(tf.cast((classes == 0) | first_of_row, tf.int64))
    # Equal classes keep their order, and a starter, of class 0, its place before its marks.
    order = tf.argsort(run * 256 + tf.cast(classes, tf.int64), stable=True)
    return tf.gather(points, order), tf.gather(classes, order)


def _compose(
    points: tf.Tensor, classes: tf.Tensor, rows: tf.Tensor, tables: Tables
) -> tuple[tf.Tensor, tf.Tensor]:
    """Joins starters with what follows them until no more can be joined, `(P,)` -> `(Q,)`.

    In every round each starter takes the first character that it can. A starter
    that can itself be taken waits, so that of three the first two are joined.
    """

    def join_once(points, classes, rows, _):
        place = tf.range(tf.size(points))
        before = tf.cumsum(tf.cast(classes == 0, tf.int32), exclusive=True)
        starters = tf.cast(tf.where(classes == 0)[:, 0], tf.int32)
        starter = tf.gather(tf.concat([[0], starters], axis=0), before)  # the last one before each
        previous = tf.gather(classes, tf.maximum(place - 1, 0))
        reached = (starter == place - 1) | ((previous > 0) & (previous < classes))
        composite = _composite(tf.gather(points, starter), points, tables)
        fits = (composite > 0) & reached & (before > 0) & (tf.gather(rows, starter) == rows)

        free = fits & ~tf.gather(fits, starter)
        size = tf.size(place)
        first = tf.math.unsorted_segment_min(tf.where(free, place, size), before, size + 1)
        taken = free & (place == tf.gather(first, before))
        points = tf.tensor_scatter_nd_update(
            points, tf.boolean_mask(starter, taken)[:, None], tf.boolean_mask(composite, taken)
        )
        left = [tf.boolean_mask(each, ~taken) for each in (points, classes, rows)]
        return *left, tf.reduce_any(taken)

    flat = tf.TensorShape([None])
    points, _, rows, _ = tf.while_loop(
        lambda *state: state[-1],
        join_once,
        (points, classes, rows, True),
        shape_invariants=(flat, flat, flat, tf.TensorShape([])),
    )
    return points, rows


def _composite(first: tf.Tensor, second: tf.Tensor, tables: Tables) -> tf.Tensor:
    """The code point that two are composed to, or 0."""
    pair = tf.cast(first, tf.int64) * _PAIR + tf.cast(second, tf.int64)
    place, found = _find(tables.pairs, pair)
    listed = tf.where(found, tf.gather(tables.composites, place), 0)

    lead, vowel = first - _L_BASE, second - _V_BASE
    is_lv = (lead >= 0) & (lead < _L_COUNT) & (vowel >= 0) & (vowel < _V_COUNT)
    lv = _S_BASE + (lead * _V_COUNT + vowel) * _T_COUNT
    syllable, trail = first - _S_BASE, second - _T_BASE
    is_lvt = (syllable >= 0) & (syllable < _L_COUNT * _V_COUNT * _T_COUNT)
    is_lvt &= (syllable % _T_COUNT == 0) & (trail > 0) & (trail < _T_COUNT)
    return tf.where(is_lv, lv, tf.where(is_lvt, first + trail, listed))


def _find(sorted_keys: np.ndarray, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The place of each value in sorted keys, 0 for none, and whether there is one."""
    keys = tf.constant(sorted_keys)
    place = tf.minimum(tf.searchsorted(keys, values), tf.size(keys) - 1)
    found = tf.gather(keys, place) == values
    return tf.where(found, place, 0), found


@functools.cache
def _tables(form: Literal["nfc", "nfkc"]) -> Tables:
    composed: Any = form.upper()
    full = composed.replace("C", "D")
    listed = [
        c
        for c in map(chr, range(sys.maxunicode + 1))
        if unicodedata.decomposition(c) or unicodedata.combining(c)
    ]
    marks = [c for c in listed if unicodedata.combining(c)]
    decomposing = [c for c in listed if unicodedata.normalize(full, c) != c]
    parts = [[ord(part) for part in unicodedata.normalize(full, c)] for c in decomposing]
    composites = _composites(listed)

    unstable = {ord(c) for c in listed if unicodedata.normalize(composed, c) != c}
    unstable.update(map(ord, marks), (second for _, second in composites))
    unstable.update(range(_V_BASE, _V_BASE + _V_COUNT), range(_T_BASE + 1, _T_BASE + _T_COUNT))
    return Tables(
        unstable=_character_class(sorted(unstable)),
        decomposing=_codes(map(ord, decomposing)),
        starts=_codes(itertools.accumulate(map(len, parts), initial=0)),
        decomposed=_codes(itertools.chain.from_iterable(parts)),
        marks=_codes(map(ord, marks)),
        mark_classes=_codes(map(unicodedata.combining, marks)),
        pairs=np.array([first * _PAIR + second for first, second in composites], np.int64),
        composites=_codes(composites.values()),
    )


def _composites(characters: list[str]) -> dict[tuple[int, int], int]:
    """Pairs of code points and what they are composed to, sorted; no composition exclusion."""
    composites = {}
    for character in characters:
        parts = unicodedata.decomposition(character).split()
        canonical = len(parts) == 2 and not parts[0].startswith("<")
        if canonical and unicodedata.normalize("NFC", character) == character:
            composites[int(parts[0], 16), int(parts[1], 16)] = ord(character)
    return dict(sorted(composites.items()))


def _codes(values: Iterable[int]) -> np.ndarray:
    return np.fromiter(values, np.int32)


def _character_class(points: list[int]) -> str:
    """An RE2 class of sorted code points."""
    breaks = [0, *(i for i in range(1, len(points)) if points[i] != points[i - 1] + 1), len(points)]
    ranges = [(points[i], points[j - 1]) for i, j in itertools.pairwise(breaks)]
    return "[" + "".join(f"\\x{{{low:x}}}-\\x{{{high:x}}}" for low, high in ranges) + "]"
