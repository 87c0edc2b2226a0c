"""Writes the models of this folder, and what they answer, with the version that runs it.

The files stay as they are, as those that users have: they were written by version 0.1.0, before
the folders of `ops` and `layers` were put in order. This writes others into another folder:

PYTHONPATH=.:tests python tests/saved/make.py FOLDER
"""

import json
import os
import sys
import tempfile
import zipfile

import keras
from saved_answers import INPUTS_AND_ANSWERS
from tiny_answering_tasks import classified, make_classifier, make_tagger, tagged
from tiny_captioners import captioned_pictures, make_captioner
from tiny_tasks import letter_texts, make_language_model, make_translator, reversal_pairs

from seqzoo import Greedy, from_preset, layers
from seqzoo.training.optimizer import Adam


def learned(task, examples, epochs):
    task.compile(Adam(0.03))
    task.fit(examples, epochs=epochs, batch_size=20, verbose=0)
    return task


def without_optimizer(task):
    """Returns the task as one that was not compiled, so that its file is small."""
    with tempfile.TemporaryDirectory() as folder:
        task.save_preset(folder)
        return from_preset(folder)


def compress(path):
    """Writes a file anew with its parts compressed; Keras leaves them as they are."""
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)


def tags_of_ids():
    """A Functional model: both directions, a stack of two kinds of cells, and a CRF."""
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(11, 4, mask_zero=True)(ids)
    x, *_ = layers.Bidirectional(layers.LSTMCell(3))(x)
    top = layers.Recurrent(layers.MinGRUCell(4), return_sequences=True, return_state=True)
    stack = [layers.Bidirectional(layers.GRUCell(2)), top]
    x, _ = layers.RecurrentStack(stack, skip="dense")(x)
    potentials = keras.layers.Dense(3)(x)
    return keras.Model(ids, layers.CRF(3, forbidden=[[None, 1], [0, 2]])(potentials))


def vectors():
    """A Sequential model of the drop-ins for the layers of Keras."""
    return keras.Sequential(
        [
            keras.Input((None, 4)),
            layers.LSTM(5, return_sequences=True),
            layers.GRU(3, return_sequences=True, go_backwards=True),
            layers.SimpleRNN(6),
            keras.layers.Dense(2),
        ]
    )


def models():
    greedy = Greedy(max_length=7)
    pairs, texts = reversal_pairs(100), letter_texts(100)
    translator = learned(make_translator(units=8, embedding_dim=6, search=greedy), pairs, 8)
    yield "translator", translator
    tied = make_language_model(units=8, tie_embeddings=True, search=greedy)
    yield "language_model", without_optimizer(learned(tied, texts, 6))
    captioner = make_captioner(units=6, embedding_dim=5, search=greedy)
    yield "captioner", without_optimizer(learned(captioner, captioned_pictures(96), 6))
    classifier = learned(make_classifier(units=4, embedding_dim=3), classified(120), 5)
    yield "classifier", without_optimizer(classifier)
    tagger = learned(make_tagger(units=4, embedding_dim=3), tagged(120), 5)
    yield "tagger", without_optimizer(tagger)
    keras.utils.set_random_seed(4)
    yield "tags_of_ids", tags_of_ids()
    yield "vectors", vectors()


if __name__ == "__main__":
    (folder,) = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    answers = {}
    for name, model in models():
        model.save(path := os.path.join(folder, f"{name}.keras"))
        compress(path)
        if name in INPUTS_AND_ANSWERS:
            model.save_preset(os.path.join(folder, name))
    for name, (inputs, answer) in INPUTS_AND_ANSWERS.items():
        path = os.path.join(folder, name)
        load = keras.models.load_model if name.endswith(".keras") else from_preset
        answers[name] = {"inputs": inputs, "answers": answer(load(path))}
    with open(os.path.join(folder, "answers.json"), "w", encoding="utf-8") as file:
        json.dump(answers, file, ensure_ascii=False, indent=0)
