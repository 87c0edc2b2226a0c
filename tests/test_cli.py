"""The command line, on a task of a moment (`tiny_recipe.py`) and on small runs of real models."""

import contextlib
import csv
import dataclasses
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_tasks import trained_translator

from seqzoo import cli
from seqzoo.files.folder_lock import locked_folder
from seqzoo.recipe import Run, RunFolder, as_ensemble, load_recipe
from seqzoo.trained import presets
from seqzoo.training import Resume
from seqzoo.zoo import FORECASTERS, ZOO

RECIPE = Path(__file__).with_name("tiny_recipe.py")
ROOT = Path(__file__).parents[1]


def train(out, *arguments):
    return cli.main(["train", str(RECIPE), "--out", str(out), *arguments])


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """A whole run without `--out`: its folder, which tests leave as it is, stdout and stderr."""
    place, out, err = tmp_path_factory.mktemp("whole"), io.StringIO(), io.StringIO()
    with contextlib.chdir(place), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert cli.main(["train", str(RECIPE)]) == 0
    return place / "runs/tiny-0", out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def finished(training):
    return training[0]


@pytest.fixture
def error(capsys):
    """The one line on stderr of a command that must fail, with nothing on stdout."""

    def run(*arguments):
        capsys.readouterr()
        assert cli.main([str(argument) for argument in arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("seqzoo: error: ")
        assert err.count("\n") == 1
        assert err.endswith("\n")
        return err

    return run


def send(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


PREPARED = """
import dataclasses
import tiny_recipe

def prepare(task, splits, model):
    return splits | {"train": splits["train"][: model.units]}

recipe = dataclasses.replace(tiny_recipe.recipe, prepare=prepare)
"""


def test_a_recipe_may_prepare_what_is_trained_on_and_is_tested_on_the_rest_as_it_is(
    tmp_path, capsys
):
    (tmp_path / "r.py").write_text(PREPARED)
    arguments = ["--out", str(tmp_path / "run"), "--set", "training.epochs=1"]
    assert cli.main(["train", str(tmp_path / "r.py"), *arguments]) == 0
    said = capsys.readouterr().err
    assert "5 training examples, 1 steps in an epoch" in said
    assert "evaluating test: 7 examples" in said


def history(folder):
    return (folder / "history.csv").read_text()


def test_a_run_leaves_all_that_belongs_to_it(finished):
    files = {path.name for path in finished.iterdir()}

    assert files == {
        *(
            "recipe.py",
            "run.json",
            "signature",
            "lock",
            "preset",
            "metrics.json",
            "history.csv",
            "timing.csv",
        ),
        *("logs", "plots", "checkpoints", "export"),
    }
    assert sorted(path.name for path in (finished / "plots").iterdir()) == ["learning_curves.png"]
    assert (finished / "export/1/saved_model.pb").is_file()
    assert list((finished / "logs/train").glob("events.*"))


def test_the_tables_of_a_run_have_a_row_for_each_epoch(finished):
    rows = list(csv.DictReader(history(finished).splitlines()))
    timing = list(csv.DictReader((finished / "timing.csv").read_text().splitlines()))

    assert history(finished).startswith("epoch,loss,token_accuracy,")
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert float(rows[-1]["val_loss"]) < float(rows[0]["val_loss"])
    assert list(timing[0]) == ["epoch", "seconds"]
    assert len(timing) == 4


def test_training_shows_progress_on_stderr_and_results_on_stdout(training):
    finished, out, err = training
    lines = out.splitlines()
    metrics = json.loads(lines[-1])

    assert "20 training examples, 3 steps in an epoch, on CPU" in err
    assert "3/3" in err
    assert "val_loss" in err
    assert lines[:2] == ["ab -> ba", "c -> c"]
    assert len(lines) == 3
    assert metrics == json.loads((finished / "metrics.json").read_text())
    assert set(metrics) == {
        f"{split}{name}"
        for split in ("", "test_few_")
        for name in ("loss", "token_accuracy", "perplexity")
    }


@pytest.mark.usefixtures("eagerly")
def test_settings_reach_the_run_and_stay_when_it_is_resumed_with_more_epochs(tmp_path, capsys):
    import keras

    out = tmp_path / "run"
    settings = ["data.size=9", "model.units=3", "training.epochs=1", "training.batch_size=4"]
    flags = [word for setting in settings for word in ("--set", setting)]
    assert train(out, *flags, "--precision", "mixed_bfloat16", "--resume") == 0
    assert "resuming" not in capsys.readouterr().err  # there was nothing to resume
    assert train(out, "--resume", "--set", "training.epochs=2") == 0
    assert "resuming from step 3\n" in capsys.readouterr().err  # 9 examples in batches of 4

    preset = json.loads((out / "preset/config.json").read_text())
    assert preset["config"]["units"] == 3
    assert "mixed_bfloat16" in json.dumps(preset)
    assert keras.config.dtype_policy().name == "float32"
    assert history(out).count("\n") == 1 + 2
    assert (out / "export/1/saved_model.pb").is_file()


def flags(*settings):
    return [word for setting in settings for word in ("--set", setting)]


AVERAGED = flags("training.ema=0.8", "training.schedule=plateau", "training.label_smoothing=0.1")


@pytest.mark.usefixtures("eagerly")
@pytest.mark.slow
def test_averages_and_a_plateau_are_set_by_name_and_a_run_that_resumes_goes_on_with_them(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    fast = [*AVERAGED, *flags("training.learning_rate=30.0"), "--seed", "0"]  # it leaps about
    assert train(whole, *fast) == 0
    assert train(parts, *fast, "--set", "training.epochs=2") == 0
    assert train(parts, "--resume", "--set", "training.epochs=4") == 0

    rows = list(csv.DictReader(history(whole).splitlines()))
    rates = [float(row["learning_rate"]) for row in rows]
    assert rates[0] == 30
    assert rates[-1] < 30
    assert history(parts) == history(whole)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.slow
def test_checkpoints_are_averaged_and_a_rate_falls_with_the_root_of_the_step(tmp_path, capsys):
    options = ("training.average_checkpoints=2", "training.schedule=inverse_sqrt")
    assert train(tmp_path / "run", *flags(*options, "training.warmup_steps=2")) == 0
    assert "averaged 2 checkpoints\n" in capsys.readouterr().err


def test_samples_are_refused_for_a_task_without_a_decoder_to_feed(error, tmp_path):
    message = error("train", RECIPE, "--out", tmp_path, "--set", "training.scheduled_sampling=0.5")
    assert "is for translators and captioners" in message
    assert "Received: a Letters. Leave it out." in message


def interrupt(monkeypatch, epoch):
    """Presses Ctrl-C at the end of an epoch, counted from 1, before anything is written of it."""
    from seqzoo.training.callbacks import HistoryFile

    write = HistoryFile.on_epoch_end

    def on_epoch_end(self, now, logs=None):
        if now + 1 == epoch:
            raise KeyboardInterrupt
        write(self, now, logs)

    monkeypatch.setattr(HistoryFile, "on_epoch_end", on_epoch_end)


@pytest.mark.usefixtures("eagerly")
def test_a_resumed_run_has_the_history_and_the_metrics_of_one_that_never_stopped(
    finished, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "run"
    with monkeypatch.context() as patched:
        interrupt(patched, epoch=3)
        assert train(out) == 130
    assert capsys.readouterr().err.endswith("seqzoo: stopped\n")
    assert history(out).count("\n") == 1 + 2
    assert not (out / "preset").exists()

    assert train(out, "--resume") == 0
    assert "resuming from step 6\n" in capsys.readouterr().err
    assert history(out) == history(finished)
    assert (out / "metrics.json").read_bytes() == (finished / "metrics.json").read_bytes()
    assert (out / "export/1/saved_model.pb").is_file()


def send_signal(monkeypatch, number, event, batch, epoch, times=1):
    """Sends this process a signal at an event of an epoch, counted from 0, before other callbacks.

    The first callback of the list is `EarlyStopping`.
    """
    from keras.callbacks import EarlyStopping

    handle, begin = getattr(EarlyStopping, event), EarlyStopping.on_epoch_begin

    def on_epoch_begin(self, now, logs=None):
        self.now = now
        begin(self, now, logs)

    def on_event(self, index, logs=None):
        if self.now == epoch and batch in (None, index):
            for _ in range(times):
                signal.raise_signal(number)
        handle(self, index, logs)

    monkeypatch.setattr(EarlyStopping, "on_epoch_begin", on_epoch_begin)
    monkeypatch.setattr(EarlyStopping, event, on_event)


SIGNALS = [
    (signal.SIGTERM, "on_train_batch_begin", 1, 0, 2),
    (signal.SIGINT, "on_test_batch_end", 1, 1, 6),
]
MORE_SIGNALS = [
    # at the first step since the start, which nothing can be lost of
    (signal.SIGTERM, "on_train_batch_begin", 0, 0, None),
    (signal.SIGINT, "on_train_batch_end", 1, 1, 5),
    (signal.SIGINT, "on_train_batch_end", 2, 1, 6),
    (signal.SIGTERM, "on_test_batch_end", 1, 1, 6),
    (signal.SIGTERM, "on_epoch_end", None, 2, 9),
]


@pytest.fixture
def signals_of_a_terminal():
    """A process that a shell has started in the background ignores Ctrl-C."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("eagerly", "signals_of_a_terminal")
@pytest.mark.parametrize("signals", [SIGNALS, pytest.param(MORE_SIGNALS, marks=pytest.mark.slow)])
def test_signals_stop_a_run_with_a_checkpoint_and_the_line_that_resumes_it(
    signals, finished, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "run"
    for number, event, batch, epoch, step in signals:
        with monkeypatch.context() as patched:
            send_signal(patched, number, event, batch, epoch)
            assert train(out, "--resume") == 128 + number
        *_, line = capsys.readouterr().err.splitlines()
        command = f"seqzoo train {RECIPE} --out {out} --resume"
        assert line == f"seqzoo: stopped by {signal.Signals(number).name}; go on by: {command}"
        assert Resume(out / "checkpoints").step == (step or 0)
    monkeypatch.setattr(sys.modules["seqzoo.recipe.run"], "_finish", lambda *_: {})  # takes long
    assert train(out, "--resume") == 0
    assert history(out) == history(finished)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.slow
def test_a_process_that_gets_sigterm_ends_in_ten_seconds_with_its_own_status(tmp_path):
    code = "import sys; from seqzoo.cli import main; sys.exit(main(sys.argv[1:]))"
    settings = flags("data.size=2000", "training.epochs=1000", "training.checkpoint_steps=100000")
    command = [sys.executable, "-c", code, "train", RECIPE, "--out", tmp_path / "run", *settings]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [ROOT, *sys.path]))}
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as process:
        while not list((tmp_path / "run/checkpoints").glob("step-*")):  # of the end of an epoch
            assert process.poll() is None
            time.sleep(0.1)
        sent = time.monotonic()
        process.terminate()
        *_, line = process.stderr.read().decode().splitlines()
        assert process.wait() == 143
        assert time.monotonic() - sent < 10
    assert line.startswith("seqzoo: stopped by SIGTERM; go on by: seqzoo train ")
    assert line.endswith(f"--out {tmp_path / 'run'} --resume")
    assert Resume(tmp_path / "run/checkpoints").step >= 250


@pytest.mark.usefixtures("eagerly")
def test_a_second_signal_is_obeyed_at_once(tmp_path, monkeypatch, capsys):
    send_signal(monkeypatch, signal.SIGTERM, "on_train_batch_begin", 2, 0, times=2)
    assert train(tmp_path / "run", "--set", "training.checkpoint_steps=1") == 143
    assert Resume(tmp_path / "run/checkpoints").step == 2
    assert capsys.readouterr().err.endswith(" --resume\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "holds a run. Continue it with --resume, or choose another folder with --out."),
        (["--resume", "--set", "model.units=6"], "Received: model.units=6, where"),
        (["--resume", "--set", "training.batch_size=4"], "Received: training.batch_size=4, where"),
        (["--resume", "--seed", "3"], "Received: seed=3, where"),
        (["--resume", "--precision", "mixed_float16"], "Received: precision=mixed_float16, where"),
    ],
)
def test_a_run_is_not_overwritten_nor_resumed_with_other_settings(
    finished, error, arguments, message
):
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}

    assert message in error("train", RECIPE, "--out", finished, *arguments)
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "model.unit=3"], "Unknown field 'model.unit'. Did you mean 'model.units'?"),
        (["--set", "training.epochs=x"], "`training.epochs` must be an integer. Received: 'x'."),
        (["--set", "training.monitor=val_blue"], "must be a column of the history. Received: 'val"),
        (["--set", "data.size=0"], "The split 'train' must hold at least one example."),
        (["--set", "model.units=-1"], ""),
        (["--data", "."], "This recipe has no data but its own."),
        (["--data", "no/such/folder"], "argument --data: no file or folder 'no/such/folder'"),
        (["--seed", "-1"], ""),
        (["--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (["--strategy", "tpu"], "The strategy 'tpu' needs a TPU. Received: none"),
        (["--strategy", "many"], "argument --strategy: invalid choice: 'many'"),
        (["--epoch", "3"], "Unknown argument '--epoch'."),
        (["--presision=float32"], "Did you mean '--precision'?"),
    ],
)
def test_a_wrong_argument_is_explained_in_a_line_and_nothing_is_written(
    tmp_path, error, arguments, message
):
    assert message in error("train", RECIPE, "--out", tmp_path / "run", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_other_files_is_left_alone(tmp_path, error):
    (tmp_path / "notes.txt").write_text("mine")

    assert "which holds other files" in error("train", RECIPE, "--out", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_that_is_no_recipe_is_explained(tmp_path, error):
    (tmp_path / "r.py").write_text("x = 1\n")

    assert "No file or folder, and no recipe" in error("train", tmp_path / "none.py")
    assert "must hold one `recipe = Recipe(...)`" in error("train", tmp_path / "r.py")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["trian"], "invalid choice: 'trian' (choose from 'list', 'new', 'train', 'evaluate'"),
        (["predict"], "the following arguments are required: RUN (see `seqzoo predict --help`)"),
        (["predict", ".", "--beam", "0"], "--beam: must be a positive integer. Received: '0'"),
        (["predict", ".", "--top-p", "x"], "argument --top-p: invalid float value: 'x'"),
        (
            ["export", ".", "d", "--length-penalty", "gmt"],
            "--length-penalty: invalid choice: 'gmt'",
        ),
        (
            ["predict", ".", "--replace-unknown", "no.tsv"],
            "no file or folder 'no.tsv'",
        ),
        (
            ["predict", "."],
            "RUN must be a folder made by `seqzoo train`. Received: '.'",
        ),
        (["evaluate", "nowhere"], "argument RUN: no file or folder 'nowhere'. Check the path"),
        (["explain", ".", "text"], "the following arguments are required: --out"),
    ],
)
def test_a_wrong_command_is_explained_in_a_line(error, arguments, message):
    assert message in error(*arguments)


def test_the_run_of_another_recipe_is_not_resumed(finished, tmp_path, error):
    other = tmp_path / "other.py"
    other.write_text(RECIPE.read_text().replace('name="tiny"', 'name="other"'))

    message = error("train", other, "--out", finished, "--resume")
    assert f"Received: {other}, which differs from line 6" in message
    assert "start another run with --out, or go on with the changed recipe by --accept" in message


def test_a_run_that_is_in_use_is_refused_and_names_the_process(finished, error):
    with locked_folder(finished):
        message = error("train", RECIPE, "--out", finished, "--resume")
    assert f"{finished} is in use by process {os.getpid()} on {socket.gethostname()}." in message
    assert f"remove {finished / 'lock'}." in message


@pytest.mark.usefixtures("eagerly")
def test_changes_of_recipe_and_data_are_refused_and_can_be_accepted(finished, tmp_path, error):
    run = RunFolder(Path(shutil.copytree(finished, tmp_path / "run")))
    record = run.record()
    splits = {**record.provenance.splits, "validation": "other"}
    provenance = dataclasses.replace(record.provenance, splits=splits)
    run.write(RECIPE.read_bytes(), record._replace(provenance=provenance))
    command = ["train", RECIPE, "--out", run.path, "--resume"]
    assert "other examples in the split 'validation'" in error(*command)

    changed = tmp_path / "changed.py"
    changed.write_text(RECIPE.read_text() + "# a comment\n")
    command = ["train", str(changed), "--out", str(run.path), "--resume"]
    lines = RECIPE.read_text().count("\n")
    assert f"which differs from line {lines + 1} on" in error(*command)
    assert cli.main([*command, "--accept-changes"]) == 0
    assert run.recipe.read_bytes() == changed.read_bytes()
    assert run.record().provenance.splits == record.provenance.splits
    assert cli.main(["evaluate", str(run.path)]) == 0  # as an own run


def test_a_run_that_has_not_ended_says_how_to_end_it(finished, tmp_path, error):
    run = shutil.copytree(finished, tmp_path / "run")
    shutil.rmtree(run / "preset")

    assert "holds no trained model yet. Finish its training" in error("evaluate", run)


def test_evaluate_prints_the_metrics_of_a_split(finished, capsys):
    metrics = json.loads((finished / "metrics.json").read_text())
    for split, prefix in (("test", ""), ("test_few", "test_few_")):
        capsys.readouterr()
        assert cli.main(["evaluate", str(finished), "--split", split]) == 0
        printed = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert printed == pytest.approx({name: metrics[prefix + name] for name in printed})
        assert list(printed) == ["loss", "perplexity", "token_accuracy"]


def test_several_runs_are_evaluated_as_an_ensemble(finished, monkeypatch, error):
    message = error("evaluate", finished, finished)
    assert "There is no ensemble of a Letters. Evaluate the runs one by one" in message

    translator = trained_translator().task
    monkeypatch.setattr("seqzoo.recipe.trained_model.load_trained", lambda folder: translator)
    ensemble = as_ensemble(Run.open(finished), translator, [finished] * 2)
    assert ensemble.members == [translator] * 3
    assert ensemble.evaluate([("a b", "b a")], verbose=0)[0] > 0

    run = Run.open(finished)
    assert run.provenance is not None
    other = dataclasses.replace(run.provenance, splits={"train": "of other examples"})
    for provenance in (other, None):
        with pytest.raises(ValueError, match="must have learned from the same examples"):
            as_ensemble(dataclasses.replace(run, provenance=provenance), translator, [finished])


def test_an_unknown_split_and_a_beam_for_what_searches_nothing_are_explained(finished, error):
    unknown = error("evaluate", finished, "--split", "tset")

    assert "Unknown split 'tset'. Did you mean 'test'? Known: train, validation, test," in unknown
    assert "'tiny' does not search. Leave out --beam" in error("predict", finished, "--beam", "2")
    for command in (["predict", finished], ["export", finished, "nowhere"]):
        message = error(*command, "--replace-unknown")
        assert "generates no text. Leave out --replace-unknown" in message
    assert "no text. Leave out --prefix" in error("predict", finished, "--prefix", "a")


def predict(finished, monkeypatch, capsys, content, *arguments):
    send(monkeypatch, content)
    capsys.readouterr()
    assert cli.main(["predict", str(finished), *arguments]) == 0
    return capsys.readouterr().out


def test_predict_gives_a_line_for_a_line_in_order(finished, monkeypatch, capsys):
    content = "ab\n\n \t \ncé\r\n\u2028x\x85y\nlast".encode()

    out = predict(finished, monkeypatch, capsys, content)
    assert out == "ba\n\n\néc\ny\x85x\u2028\ntsal\n"


def test_predict_answers_many_lines_and_none(finished, monkeypatch, capsys):
    lines = [f"{number}a" for number in range(1000)]
    out = predict(finished, monkeypatch, capsys, "\n".join(lines).encode() + b"\n")

    assert out.split("\n") == [*(line[::-1] for line in lines), ""]
    assert predict(finished, monkeypatch, capsys, b"") == ""
    assert predict(finished, monkeypatch, capsys, b"\n") == "\n"


def test_predict_answers_invalid_utf8(finished, monkeypatch, capsys):
    assert predict(finished, monkeypatch, capsys, b"a\xff\xfeb\n") == "b\ufffd\ufffda\n"


def test_answers_and_scores_stand_in_columns_of_escaped_text(finished, monkeypatch, capsys):
    content = b"a\\b\tc\n\nd\n"

    scores = predict(finished, monkeypatch, capsys, content, "--scores")
    assert scores == "c\\tb\\\\a\t-0.500000\n\nd\t-0.500000\n"
    both = predict(finished, monkeypatch, capsys, content, "--scores", "--n-best", "2")
    second = "\ttab\\there\t-1.000000\n"
    assert both == f"c\\tb\\\\a\t-0.500000{second}\nd\t-0.500000{second}"
    plain = predict(finished, monkeypatch, capsys, content, "--n-best", "2")
    assert plain == "c\\tb\\\\a\ttab\\there\n\nd\ttab\\there\n"


def test_one_answer_without_scores_keeps_its_tabs_and_backslashes(finished, monkeypatch, capsys):
    assert predict(finished, monkeypatch, capsys, b"a\\b\tc\n") == "c\tb\\a\n"


class Pipe:
    """Gives one chunk at a time, and looks at what was answered before it asks for more."""

    def __init__(self, chunks, capsys):
        self.chunks, self.capsys, self.answered = list(chunks), capsys, []
        self.buffer = self

    def read1(self, size):
        self.answered.append(self.capsys.readouterr().out)
        return self.chunks.pop(0) if self.chunks else b""


def test_predict_answers_what_has_come_before_it_waits_for_more(finished, monkeypatch, capsys):
    pipe = Pipe([b"ab\ncd\nun", b"finished\n", b"last"], capsys)
    monkeypatch.setattr(sys, "stdin", pipe)
    capsys.readouterr()

    assert cli.main(["predict", str(finished)]) == 0
    assert pipe.answered == ["", "ba\ndc\n", "dehsinifnu\n", ""]
    assert capsys.readouterr().out == "tsal\n"


def test_export_writes_a_model_and_never_over_another(finished, tmp_path, error):
    assert cli.main(["export", str(finished), str(tmp_path / "served")]) == 0

    assert (tmp_path / "served/1/saved_model.pb").is_file()
    assert "must not hold an exported model yet" in error("export", finished, tmp_path / "served")


def run_alone(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)


def test_list_shows_all_that_the_models_and_recipes_say_of_themselves_and_imports_neither():
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from seqzoo.cli import main\n"
        "assert main(['list']) == 0\n"
        "loaded = {'tensorflow', 'keras', 'seqzoo.zoo', 'seqzoo.recipe'} & set(sys.modules)\n"
        "sys.exit(f'imported: {loaded}' if loaded else 0)"
    )
    listed = run_alone(code)

    expected = ["Models (seqzoo.zoo)"]
    for name, builder in (ZOO | FORECASTERS).items():
        expected.append(f"  {name:<24}{builder.__doc__.strip().splitlines()[0]}")
    expected += ["", "Trained models (seqzoo predict NAME, sz.from_preset)"]
    for preset in presets().values():
        expected.append(f"  {preset.name:<24}{preset.card['about']}")
    expected += ["", "Recipes (seqzoo train NAME)"]
    for path in sorted((ROOT / "recipes").rglob("*.py")):
        recipe = load_recipe(path)
        about = path.read_text().lstrip('r"').splitlines()[0]
        expected.append(f"  {recipe.name:<24}{about}")
        for metric, published, measured in recipe.figures:
            expected.append(f"    {metric}: published {published}; measured {measured}")
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.splitlines() == expected


def test_list_shows_figures_however_they_are_written_and_passes_other_files_by(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").mkdir()
    shutil.copy(RECIPE, tmp_path / "recipes/tiny.py")
    (tmp_path / "recipes/other.py").write_text("answer = 42\n")
    figures = "[recipe.Figure('f1', 'none', measured=f'{MEAN:.2f}')]"
    (tmp_path / "recipes/sums.py").write_text(f"sums: Recipe = recipe.Recipe(figures={figures})\n")

    assert cli.main(["list"]) == 0
    assert capsys.readouterr().out.splitlines()[-5:] == [
        "Recipes (./recipes)",
        "  recipes/sums.py",
        "    f1: published none; measured f'{MEAN:.2f}'",
        "  recipes/tiny.py",
        "    token_accuracy, test: published 0.2 (a paper); measured 0.3",
    ]


def test_list_names_a_recipe_file_that_is_not_python(tmp_path, monkeypatch, error):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/broken.py").write_text("x = 1\ny = (\n")

    assert "recipes/broken.py is not valid Python: '(' was never closed in line 2" in error("list")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"x = " + b"(" * 90_000, "too many nested parentheses"),
        (b"x = " + b"-" * 90_000 + b"1", "too deeply nested"),
        (b"x = 1" + b" + 1" * 90_000, "too deeply nested"),
        (b"x = Recipe(Figure(1" + b" + 1" * 700 + b", 2, 3))", "too deeply nested"),
        (b"x = '\0'", "null bytes"),
        (b"#" * 2_000_000, "is larger than 1,000,000 bytes"),
        (b"# coding: x\n", "unknown encoding"),
        (b"x = '\xff'", "not valid Python"),
    ],
)
def test_list_survives_files_that_are_made_to_break_it(
    source, message, tmp_path, monkeypatch, error
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes/folder.py").mkdir(parents=True)
    os.mkfifo(tmp_path / "recipes/pipe.py")
    (tmp_path / "recipes/broken.py").write_bytes(source)

    listed = error("list")
    assert "recipes/broken.py" in listed
    assert message in listed


def test_list_runs_nothing_and_prints_nothing_that_a_terminal_obeys(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").mkdir()
    figure = "Figure('a\\x1b[2J', published='\\r', measured='1')"
    (tmp_path / "recipes/r.py").write_text(f"open('ran', 'w')\nr = Recipe(figures=[{figure}])\n")
    assert cli.main(["list"]) == 0
    assert capsys.readouterr().out.endswith(r"    a\x1b[2J: published \r; measured 1" + "\n")
    assert not (tmp_path / "ran").exists()


def test_help_is_quick_and_needs_no_tensorflow():
    code = (
        "import sys; from seqzoo.cli import main\n"
        "try: main(['train', '--help'])\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    shown = run_alone(code)

    assert shown.returncode == 0, shown.stderr
    assert "usage: seqzoo train" in shown.stdout
    assert "--precision" in shown.stdout


def test_a_closed_pipe_ends_the_command_quietly_and_other_encodings_of_the_terminal_are_left(
    finished,
):
    # LC_ALL=C gives Python's streams another encoding than UTF-8 unless they are told.
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from seqzoo.cli import main\n"
        f"sys.exit(main(['predict', {str(finished)!r}]))"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    process = subprocess.Popen(
        [sys.executable, "-X", "utf8=0", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
    )
    process.stdin.write("né\n".encode())
    process.stdin.flush()
    first = process.stdout.readline()
    process.stdout.close()
    with process.stdin:
        process.stdin.write(b"more\n")
    stderr = process.stderr.read()

    assert first == "én\n".encode()
    assert stderr == b""
    assert process.wait() == 0
