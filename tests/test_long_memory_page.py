"""The page on long memory says what its example prints."""

import contextlib
import io
import re
from pathlib import Path

PAGE = (Path(__file__).parents[1] / "docs" / "long_memory.md").read_text(encoding="utf-8")


def test_the_example_prints_what_the_page_says():
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (said,) = re.findall(r"```\n(tanh: .*?)```", PAGE, re.DOTALL)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(example, "long_memory.md", "exec"), {})
    for line, found in zip(said.splitlines(), printed.getvalue().splitlines(), strict=True):
        assert found.startswith(line)
