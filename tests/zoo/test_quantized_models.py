"""Every named model answers nearly as before once its kernels are int8."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_answering_tasks import make_classifier, make_masked_language_model, make_tagger
from tiny_captioners import captioned_clips, captioned_pictures, make_captioner
from tiny_graphs import EXAMPLES as GRAPHS
from tiny_graphs import make_graph_task
from tiny_music import make_frame_model
from tiny_tasks import letters_tokenizer, make_language_model, make_translator

from seqzoo import Greedy, from_preset, zoo
from seqzoo.tasks import GenerationTask

TRANSLATORS = ("sutskever_2014", "bahdanau_2015", "luong_2015", "wu_2019")
COPIERS = ("see_2017",)
LSTMS = ("zaremba_2014", "merity_2018")
CLASSIFIERS = ("kim_2014", "conneau_2017", "lin_2017", "bai_2018")
CAPTIONERS = ("vinyals_2015", "xu_2015", "venugopalan_2015", "yao_2015")
READ_AS_WORDS = ("lample_2016", "ma_2016")


def make_transformer(name):
    keras.utils.set_random_seed(1)
    sides = [letters_tokenizer()] * (2 if name in ("vaswani_2017", "raffel_2020") else 1)
    heads = {} if name in ("gu_2023", "feng_2024") else {"num_heads": 2}
    layers = {"beck_2024": 2, "de_2024": 3}.get(name, 1)
    window = {"window_length": 4} if name == "radford_2019" else {}  # its positions stay float
    return zoo.ZOO[name](*sides, **{"units": 8, "layers": layers, **heads, **window})


def make_copier(name):
    keras.utils.set_random_seed(1)
    return zoo.ZOO[name](letters_tokenizer(), units=12, embedding_dim=10)


def make(name):
    makers = {
        TRANSLATORS: make_translator,
        COPIERS: make_copier,
        LSTMS: make_language_model,
        CLASSIFIERS: make_classifier,
        CAPTIONERS: make_captioner,
        READ_AS_WORDS: make_tagger,
    }
    kinds = [maker for names, maker in makers.items() if name in names]
    if name == "devlin_2019":
        return make_masked_language_model()
    if name == "boulanger_2012":
        return make_frame_model()
    if name in GRAPHS:
        return make_graph_task(name)
    return kinds[0](name) if kinds else make_transformer(name)


def answers(name, task):
    """What a server answers in numbers, or, where it draws samples, what they are drawn by."""
    if name == "boulanger_2012":
        return [each.numpy() for each in task([[[60, 64], [62]]])]
    if name in CAPTIONERS:
        examples = (
            captioned_clips if name in ("venugopalan_2015", "yao_2015") else captioned_pictures
        )
        raw = [each for each, _ in examples(2)]
    else:
        raw = [["a", "b"], ["c"]] if name in READ_AS_WORDS else ["a b [MASK]", "c"]
    raw = task.preprocessor.as_raw(raw)
    if isinstance(task, GenerationTask):
        served = task.serve(raw, Greedy(max_length=2))
    else:
        served = task.serve(task.preprocessor.pad(raw))
    return [each.numpy() for each in served.values() if each.dtype == tf.float32]


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", zoo.ZOO)
def test_a_quantized_model_answers_nearly_as_before_and_its_preset_as_it_does(name, tmp_path):
    task = make(name)
    before = answers(name, task)
    quantized = task.quantize("int8")
    after = answers(name, task)
    task.save_preset(tmp_path / "preset")
    again = answers(name, from_preset(tmp_path / "preset"))

    matrices = [w for w in task.weights if len(w.shape) > 1 and w.dtype == "float32"]
    few = sum(np.prod(each.shape) for each in matrices)
    assert sum(quantized.int8.values()) > 4 * few
    for found, loaded, wanted in zip(after, again, before, strict=True):
        np.testing.assert_allclose(found, wanted, atol=0.05)
        np.testing.assert_allclose(loaded, found, atol=1e-6)
