"""Published models, `config.json` and safetensors, as tasks; and tasks as such folders."""

from seqzoo.importing.reading import load

__all__ = ["load"]
