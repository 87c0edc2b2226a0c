"""Answers sequences by a SavedModel, where there is TensorFlow and nothing else.

python -I bare_sequences.py SAVED_MODEL

Reads a JSON list of texts from stdin, and prints the answers to all of them together and to each
alone, two lists of outputs by name.
"""

import json
import sys

for name in ("seqzoo", "keras", "keras_hub", "tensorflow_text", "sentencepiece", "Bio"):
    sys.modules[name] = None  # to import it is an error

import tensorflow as tf  # noqa: E402

answer = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
asked = json.load(sys.stdin)


def answers(sequences):
    found = {name: each.numpy().tolist() for name, each in answer(tf.constant(sequences)).items()}
    return [dict(zip(found, each, strict=True)) for each in zip(*found.values(), strict=True)]


def plain(value):
    """An answer with texts for bytes, and without the padding of tags."""
    if isinstance(value, list):
        return [plain(each) for each in value if each != b""]
    return value.decode() if isinstance(value, bytes) else value


found = answers(asked), [each for sequence in asked for each in answers([sequence])]
print(json.dumps([[{k: plain(v) for k, v in row.items()} for row in rows] for rows in found]))
