"""What each saved model answers to which inputs, as plain lists that JSON holds."""

import numpy as np
from tiny_captioners import captioned_pictures

from seqzoo import BeamSearch

TEXTS = ["c a b", "", "g f e d", "a a", "b x c"]
STARTS = ["", "a", "c d"]
SENTENCES = [["c", "a", "b"], [], ["a", "g", "zz", "a", "e"], ["ba"]]
IDS = [[4, 9, 6, 0, 0], [10, 0, 7, 5, 8], [0, 0, 0, 0, 0]]
VALUES = np.random.default_rng(3).normal(size=(3, 7, 4)).round(3).tolist()
IMAGES = [pixels.tolist() for pixels, _ in captioned_pictures(4, seed=5)]
BEAM = BeamSearch(width=3, n_best=2, max_length=7)


def _translator(task):
    logits = task({"source_ids": np.array(IDS), "target_ids": np.array([[2, 5, 4]] * 3)})
    return {**_generated(task, TEXTS), "logits": _of_tokens(logits)}


def _language_model(task):
    logits = task({"token_ids": np.array([[3, 5, 4], [4, 4, 10]])})
    return {**_generated(task, STARTS), "logits": _of_tokens(logits)}


def _captioner(task):
    images = [np.array(image, "uint8") for image in IMAGES]
    return _generated(task, images)


def _classifier(task):
    return {"labels": task.classify(TEXTS), "probabilities": _numbers(task.probabilities(TEXTS))}


def _tagger(task):
    best = task.tag_n_best(SENTENCES, 2)
    return {
        "tags": task.tag(SENTENCES),
        "marginals": [_numbers(each) for each in task.marginals(SENTENCES)],
        "n_best": [[path.tags for path in paths] for paths in best],
        "log_probs": [[path.log_prob for path in paths] for paths in best],
    }


def _tags_of_ids(model):
    ids = np.array(IDS)
    potentials = model(ids)
    tags = [[0, 1, 1, 2, 2], [2, 0, 2, 0, 1], [0, 0, 0, 0, 0]]
    likelihood = model.layers[-1].log_likelihood(potentials, np.array(tags), ids != 0)
    return {"potentials": _numbers(potentials), "log_likelihood": _numbers(likelihood)}


def _vectors(model):
    return {"outputs": _numbers(model(np.array(VALUES, "float32")))}


def _generated(task, inputs):
    found = task.generate(inputs, search=BEAM, return_hypotheses=True)
    return {
        "greedy": task.generate(inputs),
        "texts": [[each.text for each in hypotheses] for hypotheses in found],
        "tokens": [[each.tokens for each in hypotheses] for hypotheses in found],
    }


def _of_tokens(logits):
    """Leaves out the columns of padding and start, which no target is."""
    return _numbers(np.delete(np.asarray(logits), [0, 2], axis=-1))


def _numbers(tensor):
    return np.asarray(tensor, "float64").round(8).tolist()


INPUTS_AND_ANSWERS = {
    "translator.keras": (TEXTS, _translator),
    "translator": (TEXTS, _translator),
    "language_model.keras": (STARTS, _language_model),
    "captioner.keras": (IMAGES, _captioner),
    "classifier.keras": (TEXTS, _classifier),
    "tagger.keras": (SENTENCES, _tagger),
    "tagger": (SENTENCES, _tagger),
    "tags_of_ids.keras": (IDS, _tags_of_ids),
    "vectors.keras": (VALUES, _vectors),
}
"""For each file or folder of a saved model its inputs, and the function that asks for answers."""
