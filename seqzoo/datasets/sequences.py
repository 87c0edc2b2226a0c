"""Sequences of bases and amino acids: FASTA, GenBank, tables of classes and of structures."""

from __future__ import annotations

import csv
import io
import random
import string
from pathlib import Path
from typing import NamedTuple

from seqzoo.datasets.lines import iterate_lines, read_text, refuse_line
from seqzoo.extras import import_biopython
from seqzoo.metrics.residues import UNKNOWN_TAG

GAPS = "-.*~" + string.whitespace
"""What stands for no letter in a sequence."""

_FORMATS = {">": "fasta", "LOCUS": "genbank"}


class Record(NamedTuple):
    """A sequence of a file.

    Attributes:
        name: Its identifier.
        sequence: Its letters.
        description: What the file says about it.

    Example:
        >>> sz.datasets.sequences.Record("lacI", "ACGT", "repressor").sequence
        'ACGT'
    """

    name: str
    sequence: str
    description: str


def load(path: str | Path) -> list[Record]:
    r"""Reads FASTA or GenBank, which of the two the first characters tell, by Biopython.

    Args:
        path: A file, plain or gzipped, with line ends of any system.

    Raises:
        FileNotFoundError: if there is no file.
        ImportError: if Biopython is not installed: `pip install 'seqzoo[biology]'`.
        ValueError: if the file is neither, or a record has no sequence; names file and record.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("two.fa").write_text(">lacI repressor\nacgt\nAC\n\n>b\r\nNNT\r\n")
        >>> for record in sz.datasets.sequences.load("two.fa"):
        ...     print(*record, sep=", ")
        lacI, acgtAC, lacI repressor
        b, NNT, b
    """
    content = read_text(path).lstrip()
    form = next((form for start, form in _FORMATS.items() if content.startswith(start)), None)
    if form is None:
        raise ValueError(
            "A file of sequences begins with '>' (FASTA) or 'LOCUS' (GenBank). Received: "
            f"{content[:40]!r} in {path}. Convert it."
        )
    seq_io, undefined = import_biopython()
    records = []
    try:
        lines = io.StringIO(content, newline=None)
        for number, found in enumerate(seq_io.parse(lines, form), start=1):
            try:
                letters = str(found.seq)
            except undefined:  # GenBank that tells the length alone
                letters = ""
            if not letters:
                raise ValueError(f"Record {number}, {found.id!r}, has no sequence")
            records.append(Record(found.id, letters, found.description))
    except ValueError as error:
        raise ValueError(f"{path} cannot be read: {error}. Mend or remove the record.") from error
    if not records:
        raise ValueError(f"{path} holds no record of {form}. Check the file.")
    return records


def load_classes(path: str | Path) -> list[tuple[str, str, str]]:
    r"""Reads lines of `CLASS, NAME, SEQUENCE`, as UCI has its splice junctions and promoters.

    Args:
        path: A file, plain or gzipped.

    Returns:
        For each line the sequence, the class and the name.

    Raises:
        FileNotFoundError: if there is no file.
        ValueError: if a line has other fields, or an empty one; names file and line.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("splice.data").write_text("EI,  ATRINS-DONOR-521,   CCAGCTGCAT\n")
        >>> sz.datasets.sequences.load_classes("splice.data")
        [('CCAGCTGCAT', 'EI', 'ATRINS-DONOR-521')]
    """
    rows = []
    for number, line in enumerate(iterate_lines(path), start=1):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split(",")]
        if len(fields) != 3 or not all(fields):
            refuse_line(path, number, line, "a class, a name and a sequence, commas between them")
        label, name, sequence = fields
        rows.append((sequence, label, name))
    if not rows:
        raise ValueError(f"{path} holds no sequence. Each line must have class, name, sequence.")
    return rows


_COUNTS = {"0": False, "0.0": False, "1": True, "1.0": True}


def load_structures(path: str | Path, states: int = 3) -> list[tuple[str, str]]:
    r"""Reads proteins and the secondary structure of each residue, as CB513 is had from Kaggle.

    Args:
        path: CSV, plain or gzipped, with the columns `input`, `dssp3` or `dssp8`, and
            `cb513_mask`, 0 and 1 with spaces between them.
        states: 3 or 8, of DSSP.

    Returns:
        Pairs of amino acids and states, one character each: `?` where the mask is 0, and where the
        letter says nothing (X).

    Raises:
        FileNotFoundError: if there is no file.
        ValueError: if a column is missing, the columns of a row are not equally long, or its mask
            has other numbers.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("few.csv").write_text("input,dssp3,cb513_mask\nMKX,CHH,0 1 1\n")
        >>> sz.datasets.sequences.load_structures("few.csv")
        [('MKX', '?H?')]
    """
    if states not in (3, 8):
        raise ValueError(f"`states` must be 3 or 8. Received: states={states}.")
    column, proteins = f"dssp{states}", []
    for number, row in enumerate(csv.DictReader(iterate_lines(path)), start=2):
        letters, tags, mask = (row.get(name) for name in ("input", column, "cb513_mask"))
        counts = [_COUNTS.get(count) for count in (mask or "").split()]
        if not letters or not tags or not len(letters) == len(tags) == len(counts):
            form = f"equally long columns 'input', '{column}' and 'cb513_mask'"
            refuse_line(path, number, ",".join(map(str, row.values())), form)
        if None in counts:
            refuse_line(path, number, str(mask), "a 'cb513_mask' of 0 and 1, spaces between them")
        shown = (
            tag if count and letter not in "Xx" else UNKNOWN_TAG
            for letter, tag, count in zip(letters, tags, counts, strict=True)
        )
        proteins.append((letters, "".join(shown)))
    if not proteins:
        raise ValueError(f"{path} holds no protein. Check the file.")
    return proteins


def with_motif(
    count: int, motif: str = "TATAAT", length: int = 60, noise: float = 0.1, seed: int = 0
) -> list[tuple[str, str]]:
    """Makes sequences of random bases; into half of them a motif is put, somewhere.

    Args:
        count: How many.
        motif: Its bases.
        length: Bases of each sequence.
        noise: From 0 to 1: the share of the bases of the motif that are drawn anew.
        seed: Int.

    Returns:
        Pairs of a sequence and "yes" or "no".

    Raises:
        ValueError: if the motif is longer than a sequence.

    Example:
        >>> sequence, label = sz.datasets.sequences.with_motif(2, length=20, noise=0.0)[0]
        >>> len(sequence), "TATAAT" in sequence, label
        (20, True, 'yes')
    """
    if len(motif) > length:
        raise ValueError(
            f"A motif must fit into the sequences. Received: motif={motif!r} and length={length}."
        )
    draw = random.Random(seed)
    examples = []
    for index in range(count):
        bases = draw.choices("ACGT", k=length)
        if index % 2 == 0:
            start = draw.randrange(length - len(motif) + 1)
            for offset, base in enumerate(motif):
                bases[start + offset] = draw.choice("ACGT") if draw.random() < noise else base
        examples.append(("".join(bases), "no" if index % 2 else "yes"))
    return examples


_FORMERS = {"H": "AELMQKRH", "E": "VIYFWTC", "C": "GNPSD"}
_AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
_LENGTHS = {"H": (6, 14), "E": (3, 8), "C": (2, 9)}


def with_helices(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Makes proteins of helices (H), strands (E) and coils (C), each of the residues that form it.

    A quarter of the residues is drawn from all twenty.

    Args:
        count: How many.
        seed: Int.

    Returns:
        Pairs of amino acids and states.

    Example:
        >>> protein, states = sz.datasets.sequences.with_helices(1)[0]
        >>> len(protein) == len(states) >= 40, set(states) <= set("HEC")
        (True, True)
    """
    draw = random.Random(seed)
    proteins = []
    for _ in range(count):
        residues, states, length = [], "", draw.randrange(40, 121)
        while len(states) < length:
            state = "C" if states and states[-1] != "C" else draw.choice("HE")
            states += state * draw.randint(*_LENGTHS[state])
        for state in states:
            letters = _AMINO_ACIDS if draw.random() < 0.25 else _FORMERS[state]
            residues.append(draw.choice(letters))
        proteins.append(("".join(residues), states))
    return proteins
