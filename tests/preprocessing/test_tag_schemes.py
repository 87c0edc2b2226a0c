import itertools

import pytest
from seqeval.scheme import IOB1, IOB2, IOBES, Entities

import seqzoo as sz
from seqzoo.preprocessing.tag_schemes import SCHEMES, forbidden_pairs

SEQEVAL = {"bio": IOB2, "bioes": IOBES, "iob1": IOB1}
TAGS = {
    scheme: ["O", *(f"{letter}-{kind}" for kind in "XY" for letter in letters if letter != "O")]
    for scheme, letters in SCHEMES.items()
}
everywhere = pytest.mark.parametrize("scheme", SCHEMES)


def allowed(tags, scheme, length):
    """The sequences of tags without a forbidden pair."""
    forbidden = set(forbidden_pairs(tags, scheme))
    return {
        " ".join(tags[tag] for tag in path)
        for path in itertools.product(range(len(tags)), repeat=length)
        if forbidden.isdisjoint(itertools.pairwise([None, *path, None]))
    }


def spans_of(tags, scheme):
    """The spans that seqeval reads strictly, as sets of ends and types."""
    (entities,) = Entities([list(tags)], SEQEVAL[scheme]).entities
    return {(entity.start, entity.end, entity.tag) for entity in entities}


def all_sets_of_spans(length, first=0):
    """Every set of spans of the types X and Y that do not overlap, on so many tokens."""
    yield frozenset()
    for start in range(first, length):
        for end in range(start + 1, length + 1):
            for kind, rest in itertools.product("XY", all_sets_of_spans(length, end)):
                yield frozenset({(start, end, kind)}) | rest


def test_bio_lets_a_span_go_on_only_after_its_own_type():
    assert allowed(["O", "B-X", "I-X", "B-Y", "I-Y"], "bio", 2) == {
        *("O O", "O B-X", "O B-Y", "B-X O", "B-X B-X", "B-X I-X", "B-X B-Y"),
        *("B-Y O", "B-Y B-X", "B-Y B-Y", "B-Y I-Y"),
    }


def test_bioes_wants_every_span_ended():
    assert allowed(["O", "B-X", "I-X", "E-X", "S-X"], "bioes", 3) == {
        *("O O O", "O O S-X", "O S-X O", "O S-X S-X", "S-X O O", "S-X O S-X", "S-X S-X O"),
        *("S-X S-X S-X", "O B-X E-X", "S-X B-X E-X", "B-X E-X O", "B-X E-X S-X", "B-X I-X E-X"),
    }


def test_iob1_begins_a_span_with_b_only_behind_another_of_its_type():
    assert allowed(["O", "B-X", "I-X", "B-Y", "I-Y"], "iob1", 2) == {
        *("O O", "O I-X", "O I-Y", "I-X O", "I-X I-X", "I-X B-X", "I-X I-Y"),
        *("I-Y O", "I-Y I-Y", "I-Y B-Y", "I-Y I-X"),
    }


@everywhere
def test_each_scheme_writes_every_set_of_spans_in_one_way(scheme):
    for length in range(1, 5):
        sequences = [each.split() for each in allowed(TAGS[scheme], scheme, length)]
        spans = [spans_of(tags, scheme) for tags in sequences]
        assert len(spans) == len(set(map(frozenset, spans)))
        assert set(map(frozenset, spans)) == set(all_sets_of_spans(length))


@everywhere
@pytest.mark.parametrize("target", SCHEMES)
def test_tags_of_another_scheme_mark_the_same_spans_and_can_be_turned_back(scheme, target):
    for tags in map(str.split, allowed(TAGS[scheme], scheme, 4)):
        converted = sz.preprocessing.convert_tags(tags, scheme, target)
        assert spans_of(converted, target) == spans_of(tags, scheme)
        assert sz.preprocessing.convert_tags(converted, target, scheme) == tags
    assert sz.preprocessing.convert_tags([], scheme, target) == []


@everywhere
def test_the_scheme_of_a_corpus_is_found(scheme):
    corpus = [each.split() for each in sorted(allowed(TAGS[scheme], scheme, 3))]
    assert sz.preprocessing.detect_scheme(corpus) == scheme
    assert sz.preprocessing.detect_scheme(iter(corpus)) == scheme


def test_what_follows_no_scheme_has_none_and_what_follows_several_has_the_first():
    detect = sz.preprocessing.detect_scheme
    assert detect([["NOUN", "VERB"]]) is None
    assert detect([["B-X", "O"], ["I-X", "O"]]) is None  # the one is not IOB1, the other not IOB2
    assert detect([["O", "O"], []]) == "bio"
    assert detect([["O", "S-X"]]) == "bioes"


@pytest.mark.parametrize(
    ("tags", "source", "message"),
    [
        (["I-X", "O"], "bio", "'I-X' begins the sentence"),
        (["O", "B-X", "I-Y"], "bio", "'I-Y' follows 'B-X' at token 3"),
        (["O", "B-X"], "bioes", "'B-X' ends the sentence"),
        (["NN"], "bio", "O or one of B-TYPE, I-TYPE. Received: 'NN'"),
    ],
)
def test_tags_that_break_their_scheme_are_not_converted(tags, source, message):
    with pytest.raises(ValueError, match=message):
        sz.preprocessing.convert_tags(tags, source, "iob1")


@pytest.mark.parametrize("tag", ["X", "B", "B-", "E-X", "-X", "O-X"])
def test_a_tag_of_another_scheme_is_named(tag):
    with pytest.raises(ValueError, match=f"O or one of B-TYPE, I-TYPE. Received: '{tag}'"):
        forbidden_pairs(["O", tag], "bio")


def test_an_unknown_scheme_is_named():
    with pytest.raises(ValueError, match="Did you mean 'bioes'\\?"):
        forbidden_pairs(["O"], "bios")
    with pytest.raises(ValueError, match="Unknown `target` 'iobes'"):
        sz.preprocessing.convert_tags(["O"], "bio", "iobes")


def test_iob2_is_another_name_of_bio():
    assert forbidden_pairs(TAGS["bio"], "iob2") == forbidden_pairs(TAGS["bio"], "bio")
    assert sz.preprocessing.convert_tags(["I-X"], "iob1", "iob2") == ["B-X"]
