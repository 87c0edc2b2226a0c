"""Letters of bases and amino acids as vectors, their checks, weights and the other strand."""

import numpy as np
import pytest
import tensorflow as tf

from seqzoo.preprocessing import (
    ALPHABETS,
    LabelledResidues,
    Limits,
    TaggedResidues,
    letter_vectors,
    reverse_complement,
)

# What each letter may stand for, as IUPAC-IUB list it (Cornish-Bowden, 1985, table 1).
IUPAC = {
    **{"A": "A", "C": "C", "G": "G", "T": "T", "U": "T", "R": "AG", "Y": "CT", "K": "GT"},
    **{"M": "AC", "S": "CG", "W": "AT", "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG"},
    "N": "ACGT",
}


@pytest.mark.parametrize("letter", IUPAC)
def test_a_letter_is_an_equal_mixture_of_the_bases_that_it_may_stand_for(letter):
    several = IUPAC[letter]
    wanted = [(base in several) / len(several) for base in "ACGT"]
    np.testing.assert_allclose(letter_vectors(letter + letter.lower()), [wanted, wanted])


def test_letters_of_proteins_are_mixtures_too():
    order = ALPHABETS["amino_acids"].letters
    assert len(set(order)) == 20
    meant = {"B": "DN", "Z": "EQ", "J": "IL", "X": order, "U": "C", "O": "K", "W": "W"}
    for letter, several in meant.items():
        wanted = [(each in several) / len(several) for each in order]
        np.testing.assert_allclose(letter_vectors(letter, "amino_acids")[0], wanted, rtol=1e-6)


@pytest.mark.parametrize("sequence", ["ac-g.u", "ACGT\r\n", " A C\tG*U~", b"acgu"])
def test_case_gaps_spaces_and_u_make_no_difference(sequence):
    np.testing.assert_array_equal(letter_vectors(sequence), np.eye(4))


@pytest.mark.parametrize(
    ("make", "sequence", "wanted"),
    [
        (LabelledResidues, "ACE", "'E' at position 2 of the sequence at index 1"),
        (LabelledResidues, "A1", "'1' at position 1 of the sequence at index 1"),
        (LabelledResidues, "Aé", "'é' at position 1 of the sequence at index 1"),
        (LabelledResidues, ("ACGT", "ACG"), r"single letters.*'ACGT', 'ACG'\) at index 1"),
        (LabelledResidues, None, "None at index 1"),
        (LabelledResidues, 7, "7 at index 1"),
        (TaggedResidues, "M-K", "'-' at position 1 of the sequence at index 1"),
        (TaggedResidues, "M1", "'1' at position 1 of the sequence at index 1"),
    ],
)
def test_what_is_no_sequence_is_refused_by_its_index(make, sequence, wanted):
    with pytest.raises(ValueError, match=wanted):
        make().as_raw(["A", sequence])


def test_one_sequence_is_no_list_of_them():
    with pytest.raises(ValueError, match="Put it in a list"):
        LabelledResidues().as_raw("ACGT")


def test_the_other_strand_is_what_pairs_with_this_one():
    pairs = {"A": "T", "C": "G", "G": "C", "T": "A"}
    for letter, several in IUPAC.items():
        other = reverse_complement(letter)
        assert set(IUPAC[other]) == {pairs[base] for base in several}
    sequence = "ACGTRYSWKMBDHVNacgt-n"
    assert reverse_complement(reverse_complement(sequence)) == sequence
    turned = letter_vectors(reverse_complement(sequence))
    np.testing.assert_array_equal(turned, letter_vectors(sequence)[::-1, ::-1])


def test_a_server_reads_no_sequence_that_is_too_long_or_has_an_unknown_letter():
    raw = tf.constant(["ACGT", "AC1", "A-C\r\n", "", "ACGTACGTA", b"\xff"])
    bounded = LabelledResidues().encode_within(raw, Limits(source_bytes=8, source_tokens=3))
    assert bounded.is_read.numpy().tolist() == [True, False, True, True, False, False]
    assert bounded.steps.numpy().tolist() == [3, 0, 2, 0, 0, 0]
    bounded = TaggedResidues().encode_within(tf.constant(["MKV", "MKVL", "M-K", ""]), LIMITS)
    assert bounded.is_read.numpy().tolist() == [True, False, False, True]
    assert bounded.steps.numpy().tolist() == [3, 0, 0, 0]


LIMITS = Limits(source_tokens=3)


def batch_of(residues, *examples):
    return residues(*next(iter(residues.examples(list(examples)).ragged_batch(len(examples)))))


def test_unknown_tags_and_letters_that_say_nothing_weigh_nothing():
    residues = TaggedResidues(["C", "H"])
    _, y, weight = batch_of(residues, ("MKXB", "H?HC"), ("XM", ["?", "H"]))
    assert weight.numpy().tolist() == [[1, 0, 0, 1], [0, 1, 0, 0]]
    assert y.numpy()[weight.numpy() > 0].tolist() == [1, 0, 1]
    _, _, weight = batch_of(TaggedResidues(["C", "H"], "bases"), ("ANR", "HHH"))
    assert weight.numpy().tolist() == [[1, 0, 1]]


def test_the_unknown_tag_is_none_of_the_tags_that_are_adapted():
    residues = TaggedResidues()
    residues.adapt([("MKV", "C?H")])
    assert residues.labels.names == ["C", "H"]


@pytest.mark.parametrize(
    ("example", "wanted"),
    [
        (("MK", "C"), "2 letters and 1 tags of the sequence at index 1"),
        (("MK", "CE"), "Unknown label 'E' in the sequence at index 1"),
        (("MK", None), "None of the sequence at index 1"),
        ("MKV", "'MKV' at index 1"),
    ],
)
def test_tags_that_do_not_fit_are_refused_by_their_index(example, wanted):
    with pytest.raises(ValueError, match=wanted):
        TaggedResidues(["C", "H"]).examples([("M", "C"), example])


def test_named_columns_are_read():
    table = {"sequence": ["AC", "G"], "label": ["x", "y"]}
    residues = LabelledResidues()
    residues.adapt(table)
    assert residues.labels.names == ["x", "y"]
    tagged = TaggedResidues()
    tagged.adapt({"sequence": ["MK"], "tags": ["CH"]})
    assert tagged.labels.names == ["C", "H"]
