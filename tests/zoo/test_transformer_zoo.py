"""The Transformers of the zoo have the weights of their papers, learn and answer."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_tasks import letter_texts, letters_tokenizer, reversal_pairs

from seqzoo import BeamSearch, Ensemble, Greedy, heads, load, zoo
from seqzoo.decoders import LanguageDecoder
from seqzoo.encoders import BlockEncoder, RecurrentEncoder
from seqzoo.layers import make_blocks
from seqzoo.preprocessing import RunningText
from seqzoo.preprocessing.windows import overlapping_windows
from seqzoo.tasks import LanguageModel, Seq2Seq
from seqzoo.training.optimizer import Adam

V, U = 11, 8
NORM = 2 * U
ATTENTION = 4 * U * U + 4 * U
FEED = 8 * U * U + 5 * U
ENCODER, DECODER = ATTENTION + FEED + 2 * NORM, 2 * ATTENTION + FEED + 3 * NORM
# Of T5: a block of an encoder; what both stacks have once, distances and last norms.
T5 = 4 * U * U + 3 * U * (8 * U // 3) + 2 * U
T5_ONCE = 2 * 32 * 2 + 2 * U
LLAMA = 2 * U * U + 2 * U * (U // 2) + 3 * U * (8 * U // 3) + 2 * U  # two heads share one

TRANSLATORS = ("vaswani_2017", "raffel_2020")
ROWS = [
    ("vaswani_2017", {"layers": 2}, V * U + V + 2 * (ENCODER + DECODER) + 2 * NORM),
    ("vaswani_2017", {"layers": 1, "norm_position": "after"}, V * U + V + ENCODER + DECODER),
    (
        "vaswani_2017",
        {"layers": 1, "share_embeddings": False},
        2 * V * U + V + ENCODER + DECODER + 2 * NORM,
    ),
    ("raffel_2020", {"layers": 2}, V * U + U * V + V + 2 * (T5 + T5 + 4 * U * U + U) + T5_ONCE),
    ("radford_2019", {"layers": 2, "window_length": 5}, V * U + 5 * U + 2 * ENCODER + NORM + V),
    ("touvron_2023", {"layers": 3, "num_kv_heads": 1}, V * U + 3 * LLAMA + U + V),
    ("touvron_2023", {"layers": 0 + 1, "num_kv_heads": 1, "tie_embeddings": False}, None),
]


def build(name, **settings):
    keras.utils.set_random_seed(1)
    tokenizer = letters_tokenizer()
    sides = [tokenizer, tokenizer] if name in TRANSLATORS else [tokenizer]
    heads = {} if name in ("gu_2023", "feng_2024") else {"num_heads": 2}
    layers = {"beck_2024": 2, "de_2024": 3}.get(name, 1)
    return zoo.ZOO[name](*sides, **{"units": U, "layers": layers, **heads, **settings})


@pytest.mark.parametrize(("name", "settings", "count"), ROWS)
def test_the_model_has_the_weights_of_the_paper(name, settings, count):
    count = V * U + LLAMA + U + U * V + V if count is None else count
    assert build(name, **settings).count_params() == count


RECURRENCES = ["gu_2023", "beck_2024", "de_2024", "feng_2024", "yang_2024", "sun_2024"]


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", [*sorted({name for name, *_ in ROWS}), *RECURRENCES])
def test_the_model_takes_two_steps_and_answers(name):
    task = build(name, search=Greedy(max_length=4))
    task.compile(Adam(0.05), run_eagerly=True)
    before = task.get_weights()
    data = reversal_pairs(4) if name in TRANSLATORS else letter_texts(40)
    history = task.fit(data, batch_size=3, steps_per_epoch=2, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    moves = [np.abs(w - b).max() for w, b in zip(task.get_weights(), before, strict=True)]
    still = [weight.path for weight, move in zip(task.weights, moves, strict=True) if move == 0]
    assert still == []
    served = task.serve(tf.constant(["a b", ""]))
    assert served["text"].shape == served["scores"].shape == (2, 1)


def test_one_embedding_of_both_sides_is_one_after_loading_too(tmp_path):
    task = build("vaswani_2017")
    assert task.encoder.embedding is task.decoder.embedding
    task.save(tmp_path / "task.keras")
    again = load(tmp_path / "task.keras")
    assert again.encoder.embedding is again.decoder.embedding
    assert again.count_params() == task.count_params()
    x = {"source_ids": np.array([[4, 5, 3]]), "target_ids": np.array([[2, 6, 7]])}
    np.testing.assert_array_equal(again(x), task(x))


def test_embeddings_that_cannot_be_one_are_refused():
    source = letters_tokenizer()
    target = type(source)(normalization=None, vocabulary=["", "<unk>", "<start>", "<end>", "x"])
    with pytest.raises(ValueError, match="embeddings of one size"):
        zoo.vaswani_2017(source, target, units=U, num_heads=2, layers=1, share_embeddings=True)
    decoder = build("vaswani_2017").decoder
    with pytest.raises(ValueError, match="`share_embeddings` is for a `BlockEncoder`"):
        Seq2Seq(RecurrentEncoder(V, U, U), decoder, share_embeddings=True)


def test_a_beam_of_a_transformer_is_what_its_full_call_scores():
    task = build("vaswani_2017", layers=2)
    for weight in task.trainable_variables:
        weight.assign(np.random.default_rng(0).normal(scale=0.4, size=weight.shape))
    inputs = np.array([[4, 5, 6, 3], [7, 3, 0, 0]], "int32")
    search = BeamSearch(width=3, n_best=3, max_length=5, length_penalty="none")
    found = task.hypotheses(inputs, search)
    for row in range(2):
        for ids, length, score in zip(
            found.token_ids[row].numpy(),
            found.lengths[row].numpy(),
            found.scores[row].numpy(),
            strict=True,
        ):
            before = np.concatenate([[2], ids[: length - 1]])[None]
            logits = task({"source_ids": inputs[row : row + 1], "target_ids": before})
            log_probs = heads.Tokens(V).readout(logits)[0].numpy()
            total = log_probs[np.arange(length), ids[:length]].sum()
            np.testing.assert_allclose(score, total, atol=1e-4)


def test_a_graph_writes_caches_in_place_and_answers_as_eager_execution_does():
    task = build("vaswani_2017", layers=2)
    inputs = tf.constant([[4, 5, 6, 3], [7, 3, 0, 0], [8, 9, 3, 0]])
    for search in (Greedy(max_length=6), BeamSearch(width=3, n_best=3, max_length=6)):
        eager = task.hypotheses(inputs, search)
        graph = tf.function(lambda inputs, search=search: task.hypotheses(inputs, search))(inputs)
        np.testing.assert_array_equal(graph.token_ids, eager.token_ids)
        np.testing.assert_allclose(graph.scores, eager.scores, atol=1e-5)


def test_members_of_an_ensemble_have_caches_of_their_own_in_a_graph():
    members = []
    for seed in (1, 2):
        member = build("vaswani_2017")
        for weight in member.trainable_variables:
            weight.assign(np.random.default_rng(seed).normal(scale=0.5, size=weight.shape))
        members.append(member)
    ensemble, search = Ensemble(members), Greedy(max_length=6)
    inputs = tf.constant([[4, 5, 6, 3], [7, 3, 0, 0], [8, 9, 3, 0]])
    eager = ensemble.hypotheses(inputs, search)
    graph = tf.function(lambda inputs: ensemble.hypotheses(inputs, search))
    for _ in range(2):
        np.testing.assert_allclose(graph(inputs).scores, eager.scores, atol=1e-5)


def test_every_token_counts_once_in_windows_that_overlap():
    text = RunningText(letters_tokenizer(), window_length=5)
    for count in (1, 4, 5, 6, 13, 16):
        stream = text.stream(["a b c d e f g"] * 3)
        stream = stream._replace(
            token_ids=stream.token_ids[:count], characters=stream.characters[:count]
        )
        seen = []
        for x, y, weight in overlapping_windows(stream, 5, batch_size=2):
            assert np.all(x["token_ids"][:, 1:] == y[:, :-1])
            seen += y.numpy()[weight.numpy() > 0].tolist()
            assert np.all((weight.numpy() > 0).sum(1) >= 1)
        assert seen == stream.token_ids.tolist()


def test_the_score_of_a_long_text_is_that_of_windows_with_half_a_window_of_history():
    task = build("radford_2019", window_length=6)
    text = "a b c d e f g a b c d e f g"
    (scored,) = task.score([text])
    ids = task.preprocessor.encode([text])[0].numpy().tolist()
    whole = [task.preprocessor.first_id, *ids]
    expected, position = [], 0
    while position < len(ids):
        start = max(0, position - 2) if position else 0
        some = whole[start : start + 7]
        logits = task({"token_ids": np.array([some[:-1]])})
        log_probs = heads.Tokens(V).readout(logits)[0].numpy()
        for at in range(position - start, len(some) - 1):
            expected.append(log_probs[at, some[at + 1]])
            position += 1
    np.testing.assert_allclose(scored.token_log_probs, expected, atol=1e-5)


def test_what_is_longer_than_the_position_table_is_refused_or_cut():
    task = build("radford_2019", window_length=6)
    with pytest.raises(ValueError, match="`max_length` is 7 but the position table"):
        task.generate(["a"], search=Greedy(max_length=7))
    with pytest.raises(ValueError, match=r"index 1 has 4 tokens and `max_length` is 3"):
        task.generate(["a", "a b c d"], search=Greedy(max_length=3))
    task.search = Greedy(max_length=3)
    served = task.serve(tf.constant(["a b c d e f g"]))
    assert served["text"].numpy()[0, 0].startswith(b"e f g")


def test_a_language_decoder_reads_nothing_that_comes_later():
    encoder = BlockEncoder(V, U, make_blocks(U, 1, num_heads=2))
    with pytest.raises(ValueError, match="causal=True"):
        LanguageModel(LanguageDecoder(encoder))
