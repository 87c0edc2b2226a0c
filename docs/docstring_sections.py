"""Shows the sections of docstrings as the site shows them: calls in a table, examples as code."""

import re

import griffe


class Sections(griffe.Extension):
    """Names sections as griffe knows them."""

    def on_object(self, *, obj: griffe.Object, **_) -> None:
        if obj.docstring:
            text = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
            obj.docstring.value = re.sub(
                r"^Call arguments:$", "Other Args: Call arguments:", text, flags=re.MULTILINE
            )
