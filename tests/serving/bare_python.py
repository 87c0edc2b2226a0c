"""Answers lines of text with a SavedModel, in a process that has TensorFlow and nothing else.

python -I bare_python.py SAVED_MODEL [MODULE]...

Reads stdin to its end and prints, for each line, its texts and scores with tabs between them. Of
the modules that seqzoo needs, only those named are let in.
"""

import sys

folder, *allowed = sys.argv[1:]
for name in {"seqzoo", "keras", "keras_hub", "tensorflow_text", "sentencepiece"} - {*allowed}:
    sys.modules[name] = None  # to import it is an error

import tensorflow as tf  # noqa: E402

for name in allowed:
    __import__(name)

answer = tf.saved_model.load(folder).signatures["serving_default"]
found = answer(text=tf.constant(sys.stdin.buffer.read().split(b"\n")))
for texts, scores in zip(found["text"].numpy(), found["scores"].numpy(), strict=True):
    cells = [cell for pair in zip(texts, scores, strict=True) for cell in pair]
    line = b"\t".join(cell if isinstance(cell, bytes) else b"%.9g" % cell for cell in cells)
    sys.stdout.buffer.write(line + b"\n")
