"""Answers one request with options by a SavedModel, where there is TensorFlow and nothing else.

python -I bare_options.py SAVED_MODEL

Reads a JSON object from stdin, the inputs of `with_options` by name, and prints one of its outputs.
"""

import json
import sys

for name in ("seqzoo", "keras", "keras_hub", "tensorflow_text", "sentencepiece"):
    sys.modules[name] = None  # to import it is an error

import tensorflow as tf  # noqa: E402

answer = tf.saved_model.load(sys.argv[1]).signatures["with_options"]
types = {name: spec.dtype for name, spec in answer.structured_input_signature[1].items()}
asked = json.load(sys.stdin)
found = answer(**{name: tf.constant(value, types[name]) for name, value in asked.items()})
texts = [[text.decode() for text in row] for row in found["text"].numpy()]
print(json.dumps({"text": texts, "scores": found["scores"].numpy().tolist()}))
