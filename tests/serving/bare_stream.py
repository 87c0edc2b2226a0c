"""Streams answers from a SavedModel, in a process that has TensorFlow and nothing else.

python -I bare_stream.py SAVED_MODEL

Reads lines from stdin to its end, and prints after each step the texts so far, tabs between them.
"""

import sys

for name in ("seqzoo", "keras", "keras_hub", "tensorflow_text", "sentencepiece"):
    sys.modules[name] = None  # to import it is an error

import tensorflow as tf  # noqa: E402

signatures = tf.saved_model.load(sys.argv[1]).signatures
lines = sys.stdin.buffer.read().split(b"\n")
state = signatures["stream_start"](text=tf.constant(lines), seed=tf.range(len(lines)))
over = False
while not over:
    found = signatures["stream_step"](**state)
    state = {name: found[name] for name in state}
    over = found["over"].numpy().all()
    sys.stdout.buffer.write(b"\t".join(found["said_text"].numpy()) + b"\n")
