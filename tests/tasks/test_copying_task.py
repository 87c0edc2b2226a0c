"""Seq2Seq with a head that copies: names that it has never seen, in every search and served."""

import dataclasses
import functools
import itertools
import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from tracing import traced

import seqzoo as sz
from seqzoo import BeamSearch, Greedy, Sample, heads
from seqzoo.preprocessing import CopyingPairs, TextPairs, WhitespaceTokenizer
from seqzoo.search.constraints import BannedTokens, NoRepeatNGram
from seqzoo.training.optimizer import Adam

SPECIAL = ["", "<unk>", "<start>", "<end>"]
FRAMES = ["call {} now", "please call {}", "now call {} please", "call the {} now"]
V = 8
NEVER_SEEN = ["call Zanzibar now", "please call Quux", "", "now call <unk> please"]
NAMES = ["Zanzibar", "Quux", "", "<unk>"]
BEAM = BeamSearch(width=4, n_best=3, max_length=5)


def words():
    # Without a normal form, whose graph takes seconds to trace.
    known = [*SPECIAL, "call", "now", "please", "the"]
    return WhitespaceTokenizer(normalization=None, vocabulary=known)


def calls(count, seed=0):
    """Pairs such as ("call Bcd now", "Bcd"), with names that are not in the vocabulary."""
    rng = random.Random(seed)
    names = ["".join(rng.choices("bcdefgh", k=6)).capitalize() for _ in range(count)]
    return [(rng.choice(FRAMES).format(name), name) for name in names]


def make(seed=1, units=8, **settings):
    keras.utils.set_random_seed(seed)
    return sz.zoo.see_2017(words(), units=units, embedding_dim=6, **settings)


@functools.cache
@traced
def trained():
    """One that has learned to copy. Tests share it and leave it as it is."""
    task = make(units=16, search=Greedy(max_length=5), coverage_loss=0.1)
    task.compile(Adam(0.02))
    task.fit(calls(256), batch_size=32, epochs=6, verbose=0)
    return task


def test_names_that_were_never_seen_are_copied_in_every_search():
    task = trained()
    searches = [None, BEAM, Sample(seed=3, top_k=1, max_length=5)]
    for search in searches:
        assert task.generate(NEVER_SEEN, search) == NAMES
    (best, *_), *_ = task.generate(NEVER_SEEN[:1], BEAM, return_hypotheses=True)
    assert best.tokens == ["Zanzibar", "<end>"]
    assert best.alignment[0].argmax() == 1
    assert list(task.stream(NEVER_SEEN))[-1] == NAMES


def test_a_served_a_saved_and_an_exported_task_take_raw_strings_and_give_names(tmp_path):
    task = trained()
    served = task.serve(tf.constant(NEVER_SEEN), BEAM)
    task.export(tmp_path / "served", search=BEAM)
    task.save_preset(tmp_path / "preset")

    exported = tf.saved_model.load(tmp_path / "served/1").signatures
    found = exported["serving_default"](text=tf.constant(NEVER_SEEN))
    again = sz.from_preset(tmp_path / "preset").serve(tf.constant(NEVER_SEEN), BEAM)

    assert served["text"].numpy()[:, 0].tolist() == [name.encode() for name in NAMES]
    for each in (found, again):
        np.testing.assert_array_equal(each["text"], served["text"])
        np.testing.assert_allclose(each["scores"], served["scores"], rtol=1e-4, atol=1e-5)
    options = {name: tf.constant([-1]) for name in ("max_length", "min_length")}
    options["alpha"], options["prefix"] = tf.constant([np.nan]), tf.constant(["the Quux unseen"])
    forced = exported["with_options"](text=tf.constant(["the call Quux now"]), **options)
    assert forced["text"].numpy()[0, 0].startswith(b"the Quux")


def test_a_stream_is_served_with_the_words_of_its_sources(tmp_path):
    task = trained()
    task.export(tmp_path / "served", streaming=True)
    signatures = tf.saved_model.load(tmp_path / "served/1").signatures
    state = signatures["stream_start"](text=raw(NEVER_SEEN[:2]), seed=tf.constant([0, 1]))
    tokens = []
    for _ in range(2):
        moved = signatures["stream_step"](**state)
        state = {name: moved[name] for name in state}
        tokens.append(moved["token"].numpy().tolist())
    assert tokens == [[b"Zanzibar", b"Quux"], [b"<end>", b"<end>"]]


def raw(texts):
    return tf.constant(texts)


SEARCHES = {
    "greedy": Greedy(max_length=4),
    "beam": BeamSearch(width=3, n_best=3, max_length=4, coverage_penalty=0.1),
    "groups": BeamSearch(width=4, n_best=4, groups=2, diversity=0.5, max_length=4),
    "sample": Sample(temperature=2.0, n_samples=3, seed=5, max_length=4),
    "nucleus": Sample(top_p=0.9, top_k=5, seed=2, max_length=4),
    "constrained": BeamSearch(
        width=3, n_best=3, min_length=3, max_length=4, constraints=(NoRepeatNGram(1),)
    ),
}
TEXTS = ["call Ada Bob now", "Eve", "the the call Ada Ada , Ada please Eve", "now"]


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", SEARCHES)
def test_an_answer_depends_on_its_source_alone(name):
    task, search = make(), SEARCHES[name]
    together = task.generate(TEXTS, search, return_hypotheses=True)
    alone = [
        task.generate([text], drawing_as_at(index, search), return_hypotheses=True)[0]
        for index, text in enumerate(TEXTS)
    ]
    for text, several, others in zip(TEXTS, together, alone, strict=True):
        assert [each.tokens for each in several] == [each.tokens for each in others]
        np.testing.assert_allclose(
            [each.score for each in several], [each.score for each in others], rtol=1e-4
        )
        possible = {*text.split(), "call", "now", "please", "the", "<end>"}
        assert {token for each in several for token in each.tokens} <= possible


def drawing_as_at(index, search):
    """The search as it draws for the text at an index of a list."""
    is_drawn = hasattr(search, "seed")
    return dataclasses.replace(search, seed=search.seed + index) if is_drawn else search


@pytest.mark.usefixtures("eagerly")
def test_a_wide_beam_finds_what_all_sequences_have_at_best():
    task = make(seed=4)
    task.head.gate_bias.assign([-1.0])
    source = "Ada call Bob Ada"
    possible = [3, 4, 5, 6, 7, V, V + 2]  # the vocabulary, Ada, Bob
    x, _, _ = task.preprocessor([source], [""])
    sequences = [(*p, 3) for n in range(3) for p in itertools.product(possible[1:], repeat=n)]
    sequences += itertools.product(possible[1:], repeat=3)  # cut at the maximum
    y = np.array([np.pad(ids, (0, 3 - len(ids))) for ids in sequences])
    fed = np.where(y == 0, 0, np.pad(y, ((0, 0), (1, 0)), constant_values=2)[:, :-1])
    sources = np.repeat(x["source_ids"], len(y), axis=0)
    log_probs = task.head.readout(task({"source_ids": sources, "target_ids": fed}))
    each = np.take_along_axis(log_probs.numpy(), y[..., None], axis=2)[..., 0]
    scores = dict(zip(sequences, np.where(y == 0, 0, each).sum(axis=1), strict=True))
    best = sorted(scores, key=scores.get, reverse=True)[:5]

    search = BeamSearch(width=60, n_best=5, length_penalty="none", stop="all", max_length=3)
    found = task.hypotheses(x["source_ids"], search)

    got = [
        tuple(row[:n]) for row, n in zip(found.token_ids[0].numpy(), found.lengths[0], strict=True)
    ]
    assert got == best
    np.testing.assert_allclose(found.scores[0], [scores[ids] for ids in best], rtol=1e-4)
    assert any(token >= V for ids in best for token in ids)
    total = sum(np.exp(score) for score in scores.values())
    assert total == pytest.approx(1, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["greedy", "beam", "sample"])
def test_a_search_compiled_by_xla_answers_as_eagerly(name):
    task, search = make(), SEARCHES[name]
    ids = task.preprocessor.source_ids(raw(TEXTS))
    wanted = task.hypotheses(ids, search)
    found = tf.function(lambda ids: task.hypotheses(ids, search), jit_compile=True)(ids)
    np.testing.assert_array_equal(found.token_ids, wanted.token_ids)
    np.testing.assert_allclose(found.scores, wanted.scores, rtol=1e-4)


@pytest.mark.usefixtures("eagerly")
def test_scores_are_those_of_the_search_and_prefixes_may_hold_names():
    task = make()
    answers = task.generate(TEXTS, SEARCHES["beam"], return_hypotheses=True)
    pairs = [(text, best.text) for text, (best, *_) in zip(TEXTS, answers, strict=True)]
    for (best, *_), scored in zip(answers, task.score(pairs), strict=True):
        if best.tokens[-1] == "<end>":
            assert scored.tokens == best.tokens
            np.testing.assert_allclose(scored.token_log_probs, best.token_log_probs, rtol=1e-3)
    (impossible,) = task.score([("call Ada", "Bob")])
    assert impossible.score == -np.inf

    forced = task.generate(TEXTS[:2], Greedy(max_length=3), prefixes=["Bob", ""])
    assert forced[0].split()[0] == "Bob"
    with pytest.raises(ValueError, match="`prefixes` must hold tokens of the vocabulary"):
        task.generate(TEXTS[:1], Greedy(max_length=3), prefixes=["Eve"])
    banned = Greedy(max_length=3, constraints=(BannedTokens(("call", "now")),))
    assert not {"call", "now"} & set(task.generate(TEXTS[:1], banned)[0].split())


@pytest.mark.usefixtures("eagerly")
def test_members_of_an_ensemble_copy_together():
    ensemble = sz.Ensemble([make(), make(seed=2)])
    found = ensemble.generate(TEXTS, SEARCHES["beam"], return_hypotheses=True)
    pairs = [(text, best.text) for text, (best, *_) in zip(TEXTS, found, strict=True)]
    for (best, *_), scored in zip(found, ensemble.score(pairs), strict=True):
        if best.tokens[-1] == "<end>":
            np.testing.assert_allclose(scored.token_log_probs, best.token_log_probs, rtol=1e-3)


@pytest.mark.usefixtures("eagerly")
def test_scheduled_sampling_feeds_words_that_were_copied():
    task = make(coverage_loss=1.0)
    sampling = sz.training.ScheduledSampling(1.0, "constant")
    task.compile(Adam(0.01), run_eagerly=True, scheduled_sampling=sampling)
    history = task.fit(calls(8), batch_size=4, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.usefixtures("eagerly")
def test_a_decoder_of_blocks_copies_too():
    blocks = sz.layers.make_blocks(8, 1, num_heads=2, causal=True, cross_attention=True)
    encoder = sz.encoders.RecurrentEncoder(V, embedding_dim=4, units=5)
    decoder = sz.decoders.BlockDecoder(V, 8, blocks, positions="sinusoidal")
    task = sz.Seq2Seq(encoder, decoder, CopyingPairs(words()), heads.Copying(V))
    (answers, *_) = task.generate(TEXTS, SEARCHES["beam"], return_hypotheses=True)
    (scored,) = task.score([(TEXTS[0], "Ada Bob")])
    assert answers
    assert np.isfinite(scored.score)


@pytest.mark.usefixtures("eagerly")
def test_a_source_of_5000_words_is_answered():
    encoder = sz.encoders.TCN(V, embedding_dim=4, units=4, blocks=1)  # without a loop
    decoder = sz.decoders.RecurrentDecoder(V, embedding_dim=4, units=5)
    task = sz.Seq2Seq(encoder, decoder, CopyingPairs(words()), heads.Copying(V))
    text = " ".join(f"name{i}" for i in range(5000))
    x, y, weight = task.preprocessor([text], ["name4999 name7"])
    assert y.numpy().tolist() == [[V + 4999, V + 7, 3]]
    loss, total = task.head.loss(y, task(x), weight)
    assert np.isfinite(float(loss / total))

    (answer,) = task.generate([text], BeamSearch(width=2, max_length=2))

    assert "<unk>" not in answer
    task.limits = sz.preprocessing.Limits(source_tokens=100)
    (scored,) = task.score([(text, "name4999")])
    assert scored.tokens == ["name4999", "<end>"]
    task.limits = sz.preprocessing.Limits(source_bytes=100)
    with pytest.warns(UserWarning, match="1 of 1 inputs have more than 100 bytes"):
        assert task.generate([text], Greedy(max_length=2)) == [""]


@pytest.mark.usefixtures("eagerly")
def test_pictures_of_a_model_show_what_it_copied(tmp_path):
    task = make(search=BeamSearch(width=2, max_length=3))
    assert task.source_tokens("call Ada") == ["call", "Ada", "<end>"]
    tree, _ = sz.explain.beam_tree(task, "Ada Bob")
    assert {"Ada", "Bob"} & {node["token"] for node in tree["nodes"]}
    assert sz.explain.token_probabilities(task, ("call Ada", "Ada")).tokens == ["Ada", "<end>"]
    sz.explain.attention_map(task, "call Ada", path=tmp_path / "map.png")
    bias = sz.explain.exposure_bias(task, calls(4))
    assert 0 <= bias.gold <= 1


def test_parts_that_do_not_fit_are_refused_in_words():
    encoder = sz.encoders.RecurrentEncoder(V, embedding_dim=4, units=5)
    decoder = sz.decoders.RecurrentDecoder(V, embedding_dim=4, units=5)
    with pytest.raises(ValueError, match=r"needs the ids of `CopyingPairs`.*Copying and TextPairs"):
        sz.Seq2Seq(encoder, decoder, TextPairs(words()), heads.Copying(V))
    with pytest.raises(ValueError, match=r"no other head can read.*Tokens and CopyingPairs"):
        sz.Seq2Seq(encoder, decoder, CopyingPairs(words()))
    blind = sz.decoders.RecurrentDecoder(V, embedding_dim=4, units=5, attention=None)
    with pytest.raises(ValueError, match=r"needs the weights of an attention.*attention=None"):
        sz.Seq2Seq(encoder, blind, CopyingPairs(words()), heads.Copying(V))
