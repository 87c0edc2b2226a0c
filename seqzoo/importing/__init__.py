"""Published models, `config.json` and safetensors, as tasks; and tasks as such folders."""

from seqzoo.importing.by_name import from_preset
from seqzoo.importing.reading import load
from seqzoo.importing.writing import save

__all__ = ["from_preset", "load", "save"]
