"""Dates as people write them, to ISO 8601: a translation task that needs no download.

The texts are rendered from the Unicode CLDR (https://cldr.unicode.org) through Babel, with each
locale's own patterns, month and weekday names and digits: `3. April 2021`, `السبت، ٣ أبريل ٢٠٢١`,
`2021年4月3日土曜日`. The target is always `2021-04-03`. The rules of the task:

- Locales are those whose everyday calendar is the Gregorian one.
- Where the order of day, month and year cannot be known from the text, the locale stands in front:
  `en-GB 03/04/2021`. That is so where the month is a number and the day could be a month too (it
  is at most 12), unless a four-digit year comes first: no locale writes year, day, month. It is
  also so wherever a number stands for the month and two digits for the year.
- A two-digit year stands for 1969 to 2068, the pivot of POSIX and of `time.strptime`.
- No text has two targets. `load` raises if CLDR data ever break this.
- Invisible marks of writing direction are left out and special spaces are plain ones, as in what
  people type. One text in four is in lower case.
"""

import dataclasses
import datetime
import functools
import random
import re
import unicodedata
from collections.abc import Sequence

from babel import Locale
from babel.dates import parse_pattern, tokenize_pattern

SEEN_LOCALES = (
    *("en_US", "en_GB", "de", "fr", "es", "it", "pt_BR", "nl", "sv", "da", "fi", "pl", "cs", "hu"),
    *("ro", "ru", "bg", "el", "tr", "he", "ar_EG", "hi", "mr", "bn", "vi", "id", "ja", "ko"),
    "zh_Hans",
)
# Two further countries of seen languages, four near languages, one near script.
HELD_OUT_LOCALES = ("en_AU", "es_MX", "gl", "nb", "sk", "uk", "zh_Hant")

# CLDR's four styles and further skeletons; a locale has those that CLDR gives for it.
SEEN_FORMATS = (
    *("full", "long", "medium", "short"),
    *("yMMMd", "yMMMMd", "yMMMMEEEEd", "yMd", "yMEd"),
)
# Sat, 3 Apr 2021 and 3 Apr 2021 AD: each part but the era is seen, the whole never is.
HELD_OUT_FORMATS = ("yMMMEd", "GyMMMd")

FIRST_DATE = datetime.date(1900, 1, 1)
LAST_DATE = datetime.date(2099, 12, 31)
TWO_DIGIT_YEARS = range(1969, 2069)
LOWER_CASE_SHARE = 0.25

# Code points of zero. Babel writes Latin digits in every date; CLDR names the digits of a locale.
_ZERO_DIGITS = {"latn": 0x30, "arab": 0x660, "deva": 0x966, "beng": 0x9E6}

Pairs = list[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class DateFormat:
    """One way to write a date in one locale.

    Args:
        locale: Name in Babel's form, such as `"pt_BR"`.
        pattern: CLDR date pattern, such as `"dd/MM/y"`.
    Reference: https://www.unicode.org/reports/tr35/tr35-dates.html#Date_Format_Patterns
    """

    locale: str
    pattern: str

    def write(self, date: datetime.date, lowercase: bool = False) -> str:
        """Returns the date as text, with the locale in front where the order needs it.

        Raises:
            ValueError: if the pattern has a two-digit year and the date is outside
                `TWO_DIGIT_YEARS`.
        """
        if self.has_two_digit_year and date.year not in TWO_DIGIT_YEARS:
            raise ValueError(
                f"A two-digit year stands for {TWO_DIGIT_YEARS[0]} to {TWO_DIGIT_YEARS[-1]}. "
                f"Received: {date} for the pattern {self.pattern!r}. Use a pattern with `y`."
            )
        locale = _parse_locale(self.locale)
        text = _plain(parse_pattern(self.pattern).apply(date, locale))
        text = text.translate(_digits(locale.default_numbering_system))
        text = text.lower() if lowercase else text
        return text if self.order_is_known(date) else f"{self.locale.replace('_', '-')} {text}"

    def order_is_known(self, date: datetime.date) -> bool:
        """Returns whether a reader who does not know the locale reads this date rightly."""
        fields = _fields(self.pattern)
        if len(fields["M"]) > 2:  # a month in words
            return True
        if self.has_two_digit_year:
            return False
        return next(iter(fields)) == "y" or date.day > 12

    @property
    def has_two_digit_year(self) -> bool:
        return _fields(self.pattern)["y"] == "yy"


def load(
    seed: int = 0,
    train_size: int = 20_000,
    validation_size: int = 1_000,
    test_size: int = 1_000,
) -> dict[str, Pairs]:
    """Makes pairs of a date as people write it and the same date in ISO 8601.

    The dates of 1900 to 2099 are divided 8 : 1 : 1 among training, validation and all test splits,
    so that no target of one is a target of another. Each pair draws a locale, then one of its
    formats, then a date, all evenly.

    Args:
        seed: Int. The same seed and sizes give the same pairs (with the same release of Babel).
        train_size: Number of training pairs.
        validation_size: Number of validation pairs.
        test_size: Number of pairs in each test split.

    Returns:
        A dict of lists of `(text, iso_date)`. `"train"` and `"validation"`; `"test"` has held-out
        dates in seen formats and locales; `"test_formats"` has held-out dates in `HELD_OUT_FORMATS`
        of seen locales, in patterns that no seen format of any seen locale shares;
        `"test_locales"` has held-out dates in `SEEN_FORMATS` of `HELD_OUT_LOCALES`.

    Raises:
        ValueError: if a size is negative, or if a text would have two targets.

    Example:
        >>> splits = sz.datasets.dates.load(train_size=2, validation_size=0, test_size=0)
        >>> len(splits["train"]), len(splits["train"][0])
        (2, 2)
    """
    rng = random.Random(seed)
    days = range((LAST_DATE - FIRST_DATE).days + 1)
    dates = [FIRST_DATE + datetime.timedelta(day) for day in days]
    rng.shuffle(dates)
    tenth = len(dates) // 10
    test, validation, train = dates[:tenth], dates[tenth : 2 * tenth], dates[2 * tenth :]
    seen = formats(SEEN_LOCALES, SEEN_FORMATS)
    splits = {
        "train": _draw(rng, train, seen, train_size),
        "validation": _draw(rng, validation, seen, validation_size),
        "test": _draw(rng, test, seen, test_size),
        "test_formats": _draw(rng, test, held_out_formats(), test_size),
        "test_locales": _draw(rng, test, formats(HELD_OUT_LOCALES, SEEN_FORMATS), test_size),
    }
    require_one_target_each([pair for pairs in splits.values() for pair in pairs])
    return splits


def formats(locales: Sequence[str], names: Sequence[str]) -> list[list[DateFormat]]:
    """Returns, for each locale, its different formats of these names that CLDR has."""
    return [
        [DateFormat(locale, pattern) for pattern in dict.fromkeys(_patterns(locale, names))]
        for locale in locales
    ]


def held_out_formats() -> list[list[DateFormat]]:
    """Returns, for each seen locale that has some, its formats with a pattern never seen."""
    seen = {each.pattern for group in formats(SEEN_LOCALES, SEEN_FORMATS) for each in group}
    groups = [
        [each for each in group if each.pattern not in seen]
        for group in formats(SEEN_LOCALES, HELD_OUT_FORMATS)
    ]
    return [group for group in groups if group]


def require_one_target_each(pairs: Pairs) -> None:
    """Raises ValueError if one text stands for two dates."""
    targets: dict[str, str] = {}
    for text, iso in pairs:
        if targets.setdefault(text, iso) != iso:
            raise ValueError(
                f"A text must stand for one date. Received: {text!r} for {targets[text]} and "
                f"{iso}. Take one of the two formats that write it out of the lists."
            )


def _draw(
    rng: random.Random, dates: list[datetime.date], groups: list[list[DateFormat]], size: int
) -> Pairs:
    if size < 0:
        raise ValueError(f"A split must have at least 0 pairs. Received: {size}.")
    near_dates = [date for date in dates if date.year in TWO_DIGIT_YEARS]
    pairs = []
    for _ in range(size):
        date_format = rng.choice(rng.choice(groups))
        date = rng.choice(near_dates if date_format.has_two_digit_year else dates)
        text = date_format.write(date, lowercase=rng.random() < LOWER_CASE_SHARE)
        pairs.append((text, date.isoformat()))
    return pairs


@functools.cache
def _parse_locale(name: str) -> Locale:
    return Locale.parse(name)


def _patterns(locale_name: str, names: Sequence[str]) -> list[str]:
    locale = _parse_locale(locale_name)
    known = {**locale.datetime_skeletons, **locale.date_formats}
    return [known[name].pattern for name in names if name in known]


@functools.cache
def _fields(pattern: str) -> dict[str, str]:
    """Maps y, M and d to the field of the pattern, in the pattern's order."""
    tokens = [value for kind, value in tokenize_pattern(pattern) if kind == "field"]
    # L is the stand-alone form of M
    fields = {letter.replace("L", "M"): letter * int(count) for letter, count in tokens}
    return {letter: field for letter, field in fields.items() if letter in "yMd"}


def _plain(text: str) -> str:
    """Leaves out format characters (category Cf) and makes every white space a plain one."""
    visible = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    return re.sub(r"\s+", " ", visible).strip()


@functools.cache
def _digits(numbering_system: str) -> dict[int, str]:
    zero = _ZERO_DIGITS[numbering_system]
    return {ord("0") + digit: chr(zero + digit) for digit in range(10)}
