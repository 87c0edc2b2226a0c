"""Files of sequences: FASTA, GenBank, classes, structures; and those that are made by rule."""

import gzip
import re
from collections import Counter

import pytest

from seqzoo.datasets import sequences
from seqzoo.datasets.sequences import Record

FASTA = ">a first one\nACGT\nacgu\n\n>b\nNN-\n"


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_fasta_is_read_whatever_its_line_ends(tmp_path, ends):
    path = tmp_path / "a.fa.gz"
    path.write_bytes(gzip.compress(FASTA.replace("\n", ends).encode()))
    wanted = [Record("a", "ACGTacgu", "a first one"), Record("b", "NN-", "b")]
    assert sequences.load(path) == wanted


def test_what_biopython_writes_as_genbank_is_read(tmp_path):
    from Bio import SeqIO
    from Bio.Seq import Seq
    from Bio.SeqRecord import SeqRecord

    made = [
        SeqRecord(Seq("ACGTN" * 30), "A1.1", "A1", "one", annotations={"molecule_type": "DNA"}),
        SeqRecord(Seq("MKV"), "P1.1", "P1", "two", annotations={"molecule_type": "protein"}),
    ]
    SeqIO.write(made, tmp_path / "a.gb", "genbank")
    wanted = [Record("A1.1", "ACGTN" * 30, "one"), Record("P1.1", "MKV", "two")]
    assert sequences.load(tmp_path / "a.gb") == wanted


UNDEFINED = """LOCUS       A1                         5 bp    DNA     linear   UNK 01-JAN-1980
DEFINITION  one.
ACCESSION   A1
VERSION     A1.1
FEATURES             Location/Qualifiers
CONTIG      join(B1:1..5)
//
"""  # which tells the length alone


@pytest.mark.filterwarnings("ignore:Malformed LOCUS line")
@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (">a\nAC\n>b\n>c\nG\n", "Record 2, 'b', has no sequence"),
        (">a", "Record 1, 'a', has no sequence"),
        ("ACGT\n", "begins with '>' .* Received: 'ACGT"),
        ("", "must not be empty"),
        (UNDEFINED, "Record 1, 'A1.1', has no sequence"),
        ("LOCUS       A\nORIGIN\n//\n//\n", "cannot be read: .* Mend or remove"),
        ("LOCUS nonsense\n", "holds no record of genbank"),
    ],
)
def test_a_file_without_sequences_is_refused_with_the_record(tmp_path, content, wanted):
    path = tmp_path / "a.fa"
    path.write_text(content)
    with pytest.raises(ValueError, match=wanted) as error:
        sequences.load(path)
    assert str(path) in str(error.value)


def test_classes_are_read_with_their_names(tmp_path):
    path = tmp_path / "a.data"
    path.write_bytes(b"+,S10,\t\ttactag\r\n\r\n-, 867 ,acg\n")
    assert sequences.load_classes(path) == [("tactag", "+", "S10"), ("acg", "-", "867")]


@pytest.mark.parametrize("line", ["+,S10", "+,S10,", ",S10,acg", "+,a,b,acg"])
def test_a_line_of_classes_that_lacks_a_field_is_named(tmp_path, line):
    path = tmp_path / "a.data"
    path.write_text(f"+,S9,acg\n{line}\n")
    with pytest.raises(ValueError, match="line 2 of"):
        sequences.load_classes(path)


STRUCTURES = "input,dssp3,dssp8,cb513_mask\nMKXV,CHHC,TGHC,1.0 0.0 1.0 1.0\nMK,CH,CH,1 1\n"


def test_structures_are_unknown_where_the_mask_or_the_letter_says_so(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(STRUCTURES)
    assert sequences.load_structures(path) == [("MKXV", "C??C"), ("MK", "CH")]
    assert sequences.load_structures(path, states=8) == [("MKXV", "T??C"), ("MK", "CH")]
    with pytest.raises(ValueError, match="`states` must be 3 or 8"):
        sequences.load_structures(path, states=4)


@pytest.mark.parametrize("line", ["MK,CHC,CH,1 1", "MK,CH,CH,1", ",,,", "MK", "MK,CH,CH,1 2"])
def test_a_protein_whose_columns_differ_is_named(tmp_path, line):
    path = tmp_path / "a.csv"
    path.write_text(f"{STRUCTURES}{line}\n")
    with pytest.raises(ValueError, match="line 4 of"):
        sequences.load_structures(path)


def test_half_of_the_sequences_that_are_made_hold_the_motif_with_its_noise():
    made = sequences.with_motif(2000, "TATAAT", 40, noise=0.2, seed=1)
    assert Counter(label for _, label in made) == {"yes": 1000, "no": 1000}
    holds = [("TATAAT" in bases, label) for bases, label in made]
    share = sum(has for has, label in holds if label == "yes") / 1000
    # A base stays with 0.8 and is drawn again with a quarter of the rest: 0.85 ** 6; and chance.
    assert abs(share - (0.85**6 + 35 / 4**6)) < 0.05
    assert sum(has for has, label in holds if label == "no") < 30
    assert made == sequences.with_motif(2000, "TATAAT", 40, noise=0.2, seed=1)
    with pytest.raises(ValueError, match="motif='TATAAT' and length=5"):
        sequences.with_motif(2, length=5)


def test_proteins_that_are_made_have_runs_of_one_state_with_the_residues_that_form_it():
    made = sequences.with_helices(50)
    for protein, states in made:
        assert len(protein) == len(states)
        runs = re.findall(r"H+|E+|C+", states)
        assert all(len(run) >= {"H": 6, "E": 3, "C": 2}[run[0]] for run in runs)
    pairs = Counter(pair for example in made for pair in zip(*example, strict=True))
    assert pairs["A", "H"] > 3 * pairs["A", "E"]
    assert pairs["G", "C"] > 3 * pairs["G", "H"]
