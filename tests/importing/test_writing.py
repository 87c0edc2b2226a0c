"""What is written as a published model: tasks of seqzoo's own, and what is refused."""

import keras
import numpy as np
import pytest
from tiny_tasks import letters_tokenizer

from seqzoo import heads, importing, zoo
from seqzoo.importing.model_folder import ModelFolder

SMALL = {"units": 8, "layers": 2, "num_heads": 2}


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("radford_2019", "gpt2", {"window_length": 6}),
        ("touvron_2023", "llama", {"num_kv_heads": 1}),
        ("vaswani_2017", "marian", {"norm_position": "after"}),
    ],
)
def test_a_named_model_is_written_with_all_its_weights(name, kind, options, tmp_path):
    tokenizer = letters_tokenizer()
    sides = [tokenizer, tokenizer] if kind == "marian" else [tokenizer]
    task = zoo.ZOO[name](*sides, **SMALL, **options)
    importing.save(task, tmp_path / "model")
    folder = ModelFolder(tmp_path / "model")
    assert folder.config.fields["model_type"] == kind
    assert folder.config.fields["vocab_size"] == tokenizer.vocabulary_size
    unwritten = 0 if kind == "marian" else tokenizer.vocabulary_size  # a bias of 0
    assert folder.size.numbers == task.count_params() - unwritten
    with pytest.raises(ValueError, match="exists"):
        importing.save(task, tmp_path / "model")


def test_a_form_that_no_published_model_has_is_refused(tmp_path):
    tokenizer = letters_tokenizer()
    with pytest.raises(ValueError, match="'before' in place of 'after'"):
        importing.save(zoo.vaswani_2017(tokenizer, tokenizer, **SMALL), tmp_path / "a")
    with pytest.raises(ValueError, match="a LanguageModel of other parts"):
        importing.save(zoo.zaremba_2014(tokenizer, units=8, layers=1), tmp_path / "b")
    task = zoo.radford_2019(tokenizer, **SMALL)
    task.head.bias.assign(np.ones(task.head.bias.shape))
    with pytest.raises(ValueError, match="a head whose bias is not 0"):
        importing.save(task, tmp_path / "c")
    task.quantize("int8")
    with pytest.raises(ValueError, match="which is quantized"):
        importing.save(task, tmp_path / "d")
    assert not list(tmp_path.iterdir())


def test_logits_without_a_bias_are_those_of_a_bias_of_zero():
    hidden = np.random.default_rng(0).normal(size=(2, 3)).astype("float32")
    for impossible in ((), (0, 2)):
        one = heads.Tokens(5, impossible=impossible)
        other = heads.Tokens(5, impossible=impossible, use_bias=False)
        for head in (one, other):
            head.build(hidden.shape)
        other.kernel.assign(one.kernel)
        assert len(other.weights) == 1
        np.testing.assert_array_equal(one(hidden), other(hidden))
        steps = [head.stepper()(hidden).logits for head in (one, other)]
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, steps))
        again = heads.Tokens.from_config(other.get_config())
        assert not again.use_bias
