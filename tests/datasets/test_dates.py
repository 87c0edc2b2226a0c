"""The date task: what its texts look like, and that no split knows another."""

import datetime

import pytest

from seqzoo.datasets import dates
from seqzoo.datasets.dates import DateFormat

THIRD_OF_APRIL = datetime.date(2021, 4, 3)


@pytest.fixture(scope="module")
def splits():
    return dates.load(seed=1, train_size=3000, validation_size=400, test_size=500)


# Strings from the CLDR charts, https://www.unicode.org/cldr/charts/latest/by_type/index.html
@pytest.mark.parametrize(
    ("locale", "pattern", "text"),
    [
        ("en_US", "EEEE, MMMM d, y", "Saturday, April 3, 2021"),
        ("en_GB", "EEEE, d MMMM y", "Saturday, 3 April 2021"),
        ("en_GB", "dd/MM/y", "en-GB 03/04/2021"),
        ("en_US", "M/d/yy", "en-US 4/3/21"),
        ("de", "d. MMMM y", "3. April 2021"),
        ("es", "d 'de' MMMM 'de' y", "3 de abril de 2021"),
        ("ru", "d MMMM y\u202f'\u0433'.", "3 апреля 2021 \u0433."),
        ("pl", "d MMMM y", "3 kwietnia 2021"),
        ("el", "EEEE d MMMM y", "Σάββατο 3 Απριλίου 2021"),
        ("ja", "y年M月d日EEEE", "2021年4月3日土曜日"),
        ("ko", "y년 MMMM d일 EEEE", "2021년 4월 3일 토요일"),
        ("ar_EG", "d\u200f/M\u200f/y", "ar-EG ٣/٤/٢٠٢١"),
        ("mr", "EEEE, d MMMM, y", "शनिवार, ३ एप्रिल, २०२१"),
        ("bn", "d MMMM, y", "৩ এপ্রিল, ২০২১"),
        ("sv", "y-MM-dd", "2021-04-03"),
    ],
)
def test_a_date_is_written_as_cldr_writes_it(locale, pattern, text):
    assert DateFormat(locale, pattern).write(THIRD_OF_APRIL) == text


def test_the_patterns_of_a_locale_are_those_of_cldr():
    [group] = dates.formats(["en_GB"], dates.SEEN_FORMATS)

    assert [each.write(THIRD_OF_APRIL) for each in group] == [
        "Saturday, 3 April 2021",
        "3 April 2021",
        "3 Apr 2021",
        "en-GB 03/04/2021",
        "en-GB Sat, 03/04/2021",
    ]


def test_lower_case_leaves_the_locale_as_it_is():
    written = DateFormat("en_GB", "E, dd/MM/y").write(THIRD_OF_APRIL, lowercase=True)

    assert written == "en-GB sat, 03/04/2021"


@pytest.mark.parametrize(
    ("pattern", "day", "known"),
    [
        ("dd/MM/y", 12, False),
        ("dd/MM/y", 13, True),
        ("y-MM-dd", 3, True),
        ("yy. M. d.", 31, False),
        ("d/M/yy", 31, False),
        ("d MMM yy", 3, True),
    ],
)
def test_the_order_is_known_from_a_word_or_a_first_year_or_a_day_above_12(pattern, day, known):
    assert DateFormat("en_GB", pattern).order_is_known(datetime.date(2021, 1, day)) is known


def test_a_text_of_three_numbers_without_a_locale_has_one_reading():
    """Reads the numbers of every text in each order that some locale uses."""
    all_locales = dates.SEEN_LOCALES + dates.HELD_OUT_LOCALES
    for group in dates.formats(all_locales, dates.SEEN_FORMATS):
        for each in group:
            for date in (datetime.date(2003, 1, day) for day in range(1, 32)):
                text = each.write(date)
                has_locale = text.startswith(each.locale.replace("_", "-") + " ")
                # Vietnamese numbers its months but puts the word for month before the number.
                names_month = "tháng 1" in text or "thg 1" in text
                if len(_numbers(text)) == 3 and not has_locale and not names_month:
                    assert _readings(_numbers(text)) == {date}, text


def test_every_format_of_every_locale_writes_a_text_for_one_date_only():
    all_locales = dates.SEEN_LOCALES + dates.HELD_OUT_LOCALES
    all_names = dates.SEEN_FORMATS + dates.HELD_OUT_FORMATS
    years = [2002, 2003, 2011]  # their two digits can be days, months or years in any order
    every_date = [
        datetime.date(year, 1, 1) + datetime.timedelta(day) for year in years for day in range(365)
    ]

    pairs = [
        (each.write(date), date.isoformat())
        for group in dates.formats(all_locales, all_names)
        for each in group
        for date in every_date
    ]
    dates.require_one_target_each(pairs)
    assert len(dict(pairs)) == len(set(pairs)) > len(every_date)


def test_a_text_for_two_dates_is_refused():
    with pytest.raises(ValueError, match="'3/4/2021' for 2021-04-03 and 2021-03-04"):
        dates.require_one_target_each([("3/4/2021", "2021-04-03"), ("3/4/2021", "2021-03-04")])


@pytest.mark.parametrize("year", [1969, 1999, 2000, 2068])
def test_two_digits_stand_for_the_year_that_strptime_reads(year):
    date = datetime.date(year, 10, 25)
    text = DateFormat("en_GB", "dd/MM/yy").write(date).removeprefix("en-GB ")

    assert datetime.datetime.strptime(text, "%d/%m/%y").date() == date


@pytest.mark.parametrize("year", [1968, 2069])
def test_a_year_outside_the_pivot_has_no_two_digit_form(year):
    with pytest.raises(ValueError, match="1969 to 2068"):
        DateFormat("en_GB", "dd/MM/yy").write(datetime.date(year, 10, 25))


def test_every_target_is_a_valid_iso_date_of_the_range(splits):
    for pairs in splits.values():
        for _, target in pairs:
            date = datetime.date.fromisoformat(target)
            assert date.isoformat() == target
            assert 1900 <= date.year <= 2099


def test_the_splits_have_the_requested_sizes(splits):
    assert {name: len(pairs) for name, pairs in splits.items()} == {
        "train": 3000,
        "validation": 400,
        "test": 500,
        "test_formats": 500,
        "test_locales": 500,
    }


def test_no_held_out_date_is_in_training(splits):
    targets = {name: {target for _, target in pairs} for name, pairs in splits.items()}

    for name in ("validation", "test", "test_formats", "test_locales"):
        assert not targets["train"] & targets[name]
    assert not targets["validation"] & targets["test"]


def test_no_held_out_locale_or_format_is_a_seen_one():
    assert len(dates.SEEN_LOCALES) >= 20
    assert not set(dates.SEEN_LOCALES) & set(dates.HELD_OUT_LOCALES)
    assert not set(dates.SEEN_FORMATS) & set(dates.HELD_OUT_FORMATS)
    seen = {
        each.pattern
        for group in dates.formats(dates.SEEN_LOCALES, dates.SEEN_FORMATS)
        for each in group
    }
    assert not seen & {each.pattern for group in dates.held_out_formats() for each in group}


def test_every_text_of_a_split_is_one_that_its_formats_write(splits):
    """Writes each target in every format that the split may use, and finds the text there."""
    sources = {
        "train": dates.formats(dates.SEEN_LOCALES, dates.SEEN_FORMATS),
        "test": dates.formats(dates.SEEN_LOCALES, dates.SEEN_FORMATS),
        "test_formats": dates.held_out_formats(),
        "test_locales": dates.formats(dates.HELD_OUT_LOCALES, dates.SEEN_FORMATS),
    }
    for name, groups in sources.items():
        for text, target in splits[name][:100]:
            assert text in _all_texts(groups, datetime.date.fromisoformat(target))


def test_the_same_seed_gives_the_same_pairs_and_another_seed_others(splits):
    sizes = {"train_size": 3000, "validation_size": 400, "test_size": 500}

    assert dates.load(seed=1, **sizes) == splits
    assert dates.load(seed=2, **sizes)["train"] != splits["train"]


def test_no_text_holds_an_invisible_mark_or_a_special_space(splits):
    for pairs in splits.values():
        for text, _ in pairs:
            assert text == " ".join(text.split())
            assert not set(text) & set("\u200e\u200f\u061c\u202f\u00a0")


def test_a_negative_size_is_refused():
    with pytest.raises(ValueError, match=r"at least 0 pairs\. Received: -1"):
        dates.load(train_size=-1)


def _numbers(text):
    words = "".join(letter if letter.isdecimal() else " " for letter in text).split()
    return [int(word) for word in words]


def _readings(numbers):
    """Returns the dates of three numbers as day-month-year, month-day-year or year-month-day."""
    first, second, third = numbers
    orders = [(third, second, first), (third, first, second), (first, second, third)]
    return {
        datetime.date(year, month, day)
        for year, month, day in orders
        if year > 1900 and month <= 12 and day <= 31
    }


def _all_texts(groups, date):
    texts = set()
    for group in groups:
        for each in group:
            if not each.has_two_digit_year or date.year in dates.TWO_DIGIT_YEARS:
                texts |= {each.write(date, lowercase=lowercase) for lowercase in (False, True)}
    return texts
