"""Answers graphs by a SavedModel, where there is TensorFlow and nothing else.

python -I bare_graphs.py SAVED_MODEL

Reads a JSON list of graphs from stdin, and prints the answers of `serving_default`.
"""

import json
import sys

for name in ("seqzoo", "keras", "networkx", "tensorflow_text"):
    sys.modules[name] = None  # to import it is an error

import tensorflow as tf  # noqa: E402

answer = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
found = answer(tf.constant(json.load(sys.stdin)))
print(json.dumps([row[0].decode() for row in found["text"].numpy()]))
