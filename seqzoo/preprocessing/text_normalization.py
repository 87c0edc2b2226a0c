"""Normal forms and lower case of text in core TensorFlow ops, so that an exported graph holds them.

The reference is Python: `unicodedata.normalize` and `str.lower`, over all of Unicode. Neither
depends on the locale of the process.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing import unicode_tables as unicode

# What `str.split` takes for white space.
_SPACES = r"[\s\x0b\x1c-\x1f\x{85}\p{Z}]+"

_SIGMA, _FINAL_SIGMA = 0x03A3, 0x03C2


def normalize(strings: tf.Tensor, form: unicode.Form | None, lowercase: bool = False) -> tf.Tensor:
    """Puts valid UTF-8 strings `(B,)` in a normal form, and in lower case with `lowercase`.

    Lower case may take text out of its normal form (H and U+0331 are two characters, in lower case
    they are one), so that the form is made again: the result equals `NFC(NFC(text).lower())`, and
    a second call changes nothing.
    """
    if not lowercase:
        return strings if form is None else unicode_normalize(strings, form)
    if form is not None:
        strings = _change_some(
            strings,
            unicode.unstable_in_lower_case(form),
            lambda some: unicode_normalize(lower(unicode_normalize(some, form)), form),
        )
    return lower(strings)


def replace_invalid(strings: tf.Tensor) -> tf.Tensor:
    """Puts U+FFFD for invalid UTF-8 and for U+0000, which stands for a joiner in `word`."""
    valid = tf.strings.unicode_transcode(strings, "UTF-8", "UTF-8", errors="replace")
    return tf.strings.regex_replace(valid, r"\x00", "\ufffd")


def squeeze_spaces(strings: tf.Tensor) -> tf.Tensor:
    """Makes one space of every run of white space and drops those at the ends."""
    strings = tf.strings.regex_replace(strings, _SPACES, " ")
    return tf.strings.regex_replace(strings, "^ | $", "")


def unicode_normalize(strings: tf.Tensor, form: unicode.Form) -> tf.Tensor:
    """Puts valid UTF-8 strings `(B,)` in a Unicode normal form.

    Equals `unicodedata.normalize` of the Python that built the graph.

    Reference: Unicode Standard Annex 15, https://www.unicode.org/reports/tr15/
    """
    tables = unicode.normal_form(form)
    return _change_some(strings, tables.unstable, lambda some: _normalize(some, tables))


def lower(strings: tf.Tensor) -> tf.Tensor:
    """Puts valid UTF-8 strings `(B,)` in lower case.

    Equals `str.lower` of the Python that built the graph, in any locale: a capital sigma that ends
    a word becomes U+03C2, and U+0130 becomes i and U+0307.
    """
    strings = tf.strings.lower(strings)  # ASCII alone, as long as no encoding is given
    tables = unicode.lower_case()
    return _change_some(strings, tables.uppercase, lambda some: _lower(some, tables))


def _change_some(strings: tf.Tensor, characters: str, change: Callable) -> tf.Tensor:
    """Calls `change` on those strings alone that hold a character of an RE2 class."""
    chosen = tf.strings.regex_full_match(strings, f"(?s).*{characters}.*")
    changed = tf.cond(
        tf.reduce_any(chosen),
        lambda: change(tf.boolean_mask(strings, chosen)),
        lambda: tf.constant([], tf.string),
    )
    return tf.tensor_scatter_nd_update(strings, tf.where(chosen), changed)


def _lower(strings: tf.Tensor, tables: unicode.LowerCase) -> tf.Tensor:
    points, rows = _decode(strings)
    points = tf.where(_is_final_sigma(points, rows, tables), _FINAL_SIGMA, points)
    points, rows = _expand(points, rows, tables.mapping)
    return _encode(points, rows, strings)


def _is_final_sigma(points: tf.Tensor, rows: tf.Tensor, tables: unicode.LowerCase) -> tf.Tensor:
    """Which code points `(P,)` are a capital sigma behind a cased letter and before none.

    Case-ignorable characters between the letters, such as marks, do not count (Unicode 3.13,
    Final_Sigma).
    """

    def is_final() -> tf.Tensor:
        counted = ~_find(tables.case_ignorable, points)[1]
        # The index of the last counted one before each, and of the first one after it; the
        # ends are -1 and P, where a code point of no row is put.
        total = tf.size(points)
        indices = tf.cast(tf.where(counted)[:, 0], tf.int32)
        before = tf.cumsum(tf.cast(counted, tf.int32), exclusive=True)
        through = before + tf.cast(counted, tf.int32)
        previous = tf.gather(tf.concat([[-1], indices], axis=0), before)
        following = tf.gather(tf.concat([indices, [total]], axis=0), through)
        is_cased = tf.concat([_find(tables.cased, points)[1], [False]], axis=0)
        rows_and_none = tf.concat([rows, [-1]], axis=0)

        def cased_at(index: tf.Tensor) -> tf.Tensor:
            index = tf.where(index < 0, total, index)
            return tf.gather(is_cased, index) & (tf.gather(rows_and_none, index) == rows)

        return (points == _SIGMA) & cased_at(previous) & ~cased_at(following)

    return tf.cond(
        tf.reduce_any(points == _SIGMA), is_final, lambda: tf.zeros_like(points, tf.bool)
    )


def _normalize(strings: tf.Tensor, tables: unicode.NormalForm) -> tf.Tensor:
    points, rows = _expand(*_decode(strings), tables.decompositions)
    points, classes = _reorder(points, rows, tables)
    if len(tables.pairs):
        points, rows = _compose(points, classes, rows, tables)
    return _encode(points, rows, strings)


def _decode(strings: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The code points `(P,)` of strings `(B,)`, one after the other, and their rows."""
    points = tf.strings.unicode_decode(strings, "UTF-8")
    return points.flat_values, points.value_rowids()


def _encode(points: tf.Tensor, rows: tf.Tensor, strings: tf.Tensor) -> tf.Tensor:
    """Inverts `_decode`; there are as many rows as strings."""
    ragged = tf.RaggedTensor.from_value_rowids(points, rows, tf.size(strings, tf.int64))
    return tf.strings.unicode_encode(ragged, "UTF-8")


def _expand(
    points: tf.Tensor, rows: tf.Tensor, expansions: unicode.Expansions
) -> tuple[tf.Tensor, tf.Tensor]:
    """Replaces each code point that has an expansion by it, `(P,)` -> `(Q,)`."""
    index, is_listed = _find(expansions.points, points)
    bounds = tf.constant(expansions.starts)
    starts = tf.gather(bounds, index)
    lengths = tf.where(is_listed, tf.gather(bounds, index + 1) - starts, 1)

    origin = tf.repeat(tf.range(tf.size(points)), lengths)  # (Q,) indices into points
    offset = tf.range(tf.size(origin)) - tf.gather(tf.cumsum(lengths, exclusive=True), origin)
    parts = tf.gather(expansions.parts, tf.gather(starts, origin) + offset)
    parts = tf.where(tf.gather(is_listed, origin), parts, tf.gather(points, origin))
    return parts, tf.gather(rows, origin)


def _reorder(
    points: tf.Tensor, rows: tf.Tensor, tables: unicode.NormalForm
) -> tuple[tf.Tensor, tf.Tensor]:
    """Sorts each run of marks by combining class, and returns points and classes `(P,)`."""
    index, is_mark = _find(tables.marks, points)
    classes = tf.where(is_mark, tf.gather(tables.mark_classes, index), 0)
    first_of_row = tf.concat([[True], rows[1:] != rows[:-1]], axis=0)
    run = tf.cumsum(tf.cast((classes == 0) | first_of_row, tf.int64))
    # Equal classes keep their order, and a starter, of class 0, stays before its marks.
    order = tf.argsort(run * 256 + tf.cast(classes, tf.int64), stable=True)
    return tf.gather(points, order), tf.gather(classes, order)


def _compose(
    points: tf.Tensor, classes: tf.Tensor, rows: tf.Tensor, tables: unicode.NormalForm
) -> tuple[tf.Tensor, tf.Tensor]:
    """Joins starters with what follows them until no more can be joined, `(P,)` -> `(Q,)`.

    In every round each starter takes the first character that it can. A starter
    that can itself be taken waits, so that of three the first two are joined.
    """

    def join_once(points, classes, rows, _):
        index = tf.range(tf.size(points))
        before = tf.cumsum(tf.cast(classes == 0, tf.int32), exclusive=True)
        starters = tf.cast(tf.where(classes == 0)[:, 0], tf.int32)
        starter = tf.gather(tf.concat([[0], starters], axis=0), before)  # the last one before each
        previous = tf.gather(classes, tf.maximum(index - 1, 0))
        reached = (starter == index - 1) | ((previous > 0) & (previous < classes))
        composite = _composite(tf.gather(points, starter), points, tables)
        fits = (composite > 0) & reached & (before > 0) & (tf.gather(rows, starter) == rows)

        free = fits & ~tf.gather(fits, starter)
        size = tf.size(index)
        first = tf.math.unsorted_segment_min(tf.where(free, index, size), before, size + 1)
        taken = free & (index == tf.gather(first, before))
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


def _composite(first: tf.Tensor, second: tf.Tensor, tables: unicode.NormalForm) -> tf.Tensor:
    """The code point that two are composed to, or 0."""
    pair = tf.cast(first, tf.int64) * unicode.PAIR + tf.cast(second, tf.int64)
    index, is_pair = _find(tables.pairs, pair)
    listed = tf.where(is_pair, tf.gather(tables.composites, index), 0)

    lead, vowel = first - unicode.L_BASE, second - unicode.V_BASE
    is_lv = (lead >= 0) & (lead < unicode.L_COUNT) & (vowel >= 0) & (vowel < unicode.V_COUNT)
    lv = unicode.S_BASE + (lead * unicode.V_COUNT + vowel) * unicode.T_COUNT
    syllable, trail = first - unicode.S_BASE, second - unicode.T_BASE
    is_lvt = (syllable >= 0) & (syllable < unicode.L_COUNT * unicode.V_COUNT * unicode.T_COUNT)
    is_lvt &= (syllable % unicode.T_COUNT == 0) & (trail > 0) & (trail < unicode.T_COUNT)
    return tf.where(is_lv, lv, tf.where(is_lvt, first + trail, listed))


def _find(sorted_keys: np.ndarray, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The index of each value in sorted keys, 0 for none, and whether there is one."""
    keys = tf.constant(sorted_keys)
    index = tf.minimum(tf.searchsorted(keys, values), tf.size(keys) - 1)
    is_listed = tf.gather(keys, index) == values
    return tf.where(is_listed, index, 0), is_listed
