"""The way from a layer to its step function stays short."""

import re
from pathlib import Path

from budget import MAX_FILES, MAX_HOPS, hops_of_lstm

from seqzoo.ops.recurrence.plan import KERNELS

PAGE = Path(__file__).parents[1] / "docs/life_of_a_step.md"


def test_the_path_from_the_layer_to_the_step_is_short():
    hops = hops_of_lstm()
    files = {name.split(":")[0] for name in hops.stack}
    assert len(hops.stack) - 1 <= MAX_HOPS, hops.stack
    assert len(files) <= MAX_FILES, files


def test_the_page_names_the_hops_and_the_kernels_in_their_order():
    page, hops = PAGE.read_text(encoding="utf-8"), hops_of_lstm()
    files = {name.split(":")[0] for name in hops.stack}
    assert f"{len(hops.stack) - 1} hops\nthrough {len(files)} files" in page
    table = re.findall(r"^\| ([a-z ]+) \| .* \| .* \|$", page, re.MULTILINE)[1:]
    assert table == [kernel.name for kernel in KERNELS]
