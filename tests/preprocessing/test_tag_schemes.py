import itertools

import pytest

from seqzoo.preprocessing.tag_schemes import forbidden_pairs


def allowed(tags, scheme, length):
    """The sequences of tags without a forbidden pair."""
    forbidden = set(forbidden_pairs(tags, scheme))
    return {
        " ".join(tags[tag] for tag in path)
        for path in itertools.product(range(len(tags)), repeat=length)
        if forbidden.isdisjoint(itertools.pairwise([None, *path, None]))
    }


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


@pytest.mark.parametrize("tag", ["X", "B", "B-", "E-X", "-X", "O-X"])
def test_a_tag_of_another_scheme_is_named(tag):
    with pytest.raises(ValueError, match=f"O or one of B-TYPE, I-TYPE. Received: '{tag}'"):
        forbidden_pairs(["O", tag], "bio")


def test_an_unknown_scheme_is_named():
    with pytest.raises(ValueError, match="Did you mean 'bioes'\\?"):
        forbidden_pairs(["O"], "bios")
