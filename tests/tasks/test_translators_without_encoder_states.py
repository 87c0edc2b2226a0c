"""A translator whose encoder reads windows, and hands no state to its decoder."""

import keras
import numpy as np
import pytest
from tiny_tasks import LETTERS, letters_tokenizer, reversal_pairs

from seqzoo import Seq2Seq
from seqzoo.decoders import RecurrentDecoder
from seqzoo.encoders import TCN, TextCNN
from seqzoo.preprocessing import TextPairs
from seqzoo.search import BeamSearch

V = 4 + len(LETTERS)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.one_of_each
@pytest.mark.parametrize("attention", [None, "additive"])
@pytest.mark.parametrize("kind", [TextCNN, TCN])
def test_such_a_translator_trains_generates_and_is_saved(kind, attention, tmp_path):
    keras.utils.set_random_seed(2)
    encoder, decoder = kind(V, 5), RecurrentDecoder(V, 5, 7, attention=attention)
    task = Seq2Seq(encoder, decoder, TextPairs(letters_tokenizer()))
    task.compile()
    before = [np.asarray(weight) for weight in task.decoder.cross.weights]
    task.fit(reversal_pairs(8), batch_size=8, epochs=1, verbose=0)
    now = [np.asarray(weight) for weight in task.decoder.cross.weights]
    assert all(np.any(one != other) for one, other in zip(before, now, strict=True))
    texts, search = ["a b", "c"], BeamSearch(2, max_length=4)
    answers = task.generate(texts, search)
    assert len(answers) == 2
    task.save(tmp_path / "task.keras")
    assert keras.saving.load_model(tmp_path / "task.keras").generate(texts, search) == answers
