"""The flag `--backend` of a script. Imported ahead of Keras, which reads its backend just once."""

from __future__ import annotations

import argparse
import os

PARSER = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
"""A parent of the script's own parser, so that its help shows the flag."""
PARSER.add_argument("--backend", choices=["tensorflow", "jax"], help="the backend of Keras")

if chosen := PARSER.parse_known_args()[0].backend:
    os.environ["KERAS_BACKEND"] = chosen
