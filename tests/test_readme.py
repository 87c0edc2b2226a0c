"""What the README says runs, and prints what it shows."""

import re
from pathlib import Path

from test_pages import run

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def test_the_examples_print_what_they_show(tmp_path, monkeypatch):
    names = run(README, tmp_path, monkeypatch)

    assert (tmp_path / "serving" / "translator" / "1" / "saved_model.pb").is_file()
    kinds = [type(block.mixer).__name__ for block in names["blocks"]]
    assert kinds == ["Mamba", "Mamba", "SelfAttention"]


def test_its_links_lead_to_files():
    links = re.findall(r"\]\(([^)#]+)", README.read_text(encoding="utf-8"))
    assert len(links) > 20
    assert [link for link in links if not (ROOT / link).is_file()] == []
