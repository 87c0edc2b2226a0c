"""An encoder of a run, a preset or a published model begins another model."""

from pathlib import Path

import numpy as np
import pytest
from tiny_answering_tasks import make_classifier, make_masked_language_model, make_tagger

from seqzoo import importing
from seqzoo.recipe import pretrained

BERT = Path(__file__).parent / "importing/golden/bert"
IDS = np.array([[5, 6, 7, 0], [8, 9, 0, 0]])


@pytest.mark.parametrize("place", ["preset", "run"])
def test_the_encoder_is_that_of_the_model_with_another_dropout(place, tmp_path):
    task = make_masked_language_model()
    folder = tmp_path / "run"
    task.save_preset(folder / "preset" if place == "run" else folder)
    encoder, tokenizer = pretrained(folder, dropout=0.25)
    assert tokenizer.vocabulary == task.preprocessor.tokenizer.vocabulary
    np.testing.assert_array_equal(encoder(IDS).outputs, task.encoder(IDS).outputs)
    rates = {encoder.dropout, encoder.blocks[0].dropout, encoder.blocks[0].mixer.dropout}
    assert rates == {0.25}
    random, _ = pretrained(folder, random_start=True)
    assert np.abs(random(IDS).outputs - task.encoder(IDS).outputs).max() > 0.1


def test_a_published_model_begins_one_too():
    encoder, tokenizer = pretrained(BERT)
    task = importing.load(BERT)
    assert tokenizer.vocabulary == task.preprocessor.tokenizer.vocabulary
    np.testing.assert_array_equal(encoder(IDS).outputs, task.encoder(IDS).outputs)


def test_a_wrong_folder_is_refused_in_a_line(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Received: '.*nothing', which is none"):
        pretrained(tmp_path / "nothing")
    with pytest.raises(ValueError, match="is no preset"):
        pretrained(tmp_path)
    make_tagger().save_preset(tmp_path / "tagger")
    with pytest.raises(ValueError, match=r"whose encoder reads the tokens .* Received: a Tagger"):
        pretrained(tmp_path / "tagger")
    make_classifier().save_preset(tmp_path / "classifier")
    assert pretrained(tmp_path / "classifier").encoder.vocabulary_size == 11
