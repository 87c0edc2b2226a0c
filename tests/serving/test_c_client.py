"""The C client gives what a SavedModel gives in Python, line by line."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from client_build import build_client, client_arguments


class Shouter(tf.Module):
    """Gives two texts a line: in capitals, and with as many marks as the line has bytes."""

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="text")])
    def serve(self, text):
        lengths = tf.strings.length(text)

        def add_marks(step, marked):
            return step + 1, tf.where(step < lengths, marked + "!", marked)

        longest = tf.reduce_max(lengths)
        _, marked = tf.while_loop(lambda step, _: step < longest, add_marks, (0, text))
        scores = tf.cast(lengths, tf.float32)[:, None] * [-1 / 3, 0.0]
        return {"text": tf.stack([tf.strings.upper(text), marked], axis=1), "scores": scores}


def shout(line: bytes) -> list[bytes]:
    return [line.upper(), line + b"!" * len(line)]


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shouter")
    model = Shouter()
    tf.saved_model.save(model, str(folder), signatures=model.serve)
    return folder


def run(client: Path, arguments: list[str], lines: bytes = b"") -> subprocess.CompletedProcess:
    return subprocess.run([client, *arguments], input=lines, capture_output=True)


def test_every_line_gets_one_line_with_the_n_best_texts(client, saved_model):
    lines = [b"", b" ", b"two words", "süß 🎉".encode(), b"\xff\xfe", b"long " * 200]
    lines += [b"x" * length for length in range(1, 70)]  # more than one batch

    result = run(client, client_arguments(saved_model), b"\n".join(lines))

    assert result.returncode == 0, result.stderr
    assert result.stdout.split(b"\n") == [*(b"\t".join(shout(line)) for line in lines), b""]


def test_no_line_in_gives_no_line_out(client, saved_model):
    result = run(client, client_arguments(saved_model))

    assert (result.returncode, result.stdout) == (0, b"")


def test_scores_follow_their_texts_and_lose_no_digit(client, saved_model):
    result = run(client, client_arguments(saved_model, scores=True), b"a\nseven..\n")

    rows = [line.split(b"\t") for line in result.stdout.splitlines()]
    assert [row[::2] for row in rows] == [shout(b"a"), shout(b"seven..")]
    scores = np.array([[float(score) for score in row[1::2]] for row in rows], "float32")
    expected = np.float32([[1], [7]]) * np.float32([-1 / 3, 0])
    np.testing.assert_array_equal(scores, expected)


def test_ops_of_tensorflow_text_come_from_its_libraries(client, tmp_path):
    import tensorflow_text

    tokenizer = tensorflow_text.WhitespaceTokenizer()

    class Splitter(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="text")])
        def serve(self, text):
            joined = tf.strings.reduce_join(tokenizer.tokenize(text), axis=1, separator="_")
            return {"text": joined[:, None]}

    model = Splitter()
    tf.saved_model.save(model, str(tmp_path), signatures=model.serve)
    library = Path(tensorflow_text.__file__).parent / "python/ops/_whitespace_tokenizer_v2.so"
    arguments = client_arguments(tmp_path)

    assert (
        run(client, [*arguments, "--library", str(library)], b" one  two\n").stdout == b"one_two\n"
    )
    assert run(client, arguments, b"one two\n").returncode == 2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({0: "no/such/model"}, b"no/such/model"),
        ({2: "elsewhere:0"}, b"elsewhere:0: the model has no such tensor"),
        ({2: "no_colon"}, b"no_colon: a tensor is named operation:index"),
        ({4: "scores"}, b"--texts must be string (B, N): the model's tensor has another type"),
        ({3: "--text"}, b"--text: wanted: translate SAVED_MODEL --input"),
        ({3: "--library", 4: "no/library.so"}, b"no/library.so"),
        ({4: None}, b"--texts: wanted: translate SAVED_MODEL --input"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_status_2(client, saved_model, changed, said):
    *arguments, _, scores = client_arguments(saved_model, scores=True)
    for place, value in changed.items():
        arguments[place] = scores if value == "scores" else value

    result = run(client, [value for value in arguments if value is not None], b"line\n")

    own_lines = [line for line in result.stderr.splitlines() if line.startswith(b"translate: ")]
    assert result.returncode == 2
    assert len(own_lines) == 1  # TensorFlow logs lines of its own before `main`
    assert said in own_lines[0]
    assert result.stderr.splitlines()[-1] == own_lines[0]
    assert result.stdout == b""


def test_a_missing_compiler_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")

    with pytest.raises(RuntimeError, match="A C compiler named `cc` is needed"):
        build_client(tmp_path)
