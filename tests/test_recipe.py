import dataclasses
import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from seqzoo.files.digests import sha256
from seqzoo.recipe import Recipe, RunFolder, TrainingOptions, load_recipe
from seqzoo.recipe.fields import set_fields
from seqzoo.recipe.fitting import _advice, make_optimizer
from seqzoo.recipe.record import Provenance, RunOptions, RunRecord
from seqzoo.recipe.search_flags import SearchFlags
from seqzoo.search import BeamSearch, Greedy, Sample
from seqzoo.search.constraints import BannedPhrases, NoRepeatNGram, SuppressedAtStart


@dataclasses.dataclass(frozen=True)
class Model:
    units: int = 5
    dropout: float = 0.0
    residual: bool = False
    cell: Literal["lstm", "gru"] = "lstm"
    longest: int | None = None
    name: str = "a"


@dataclasses.dataclass(frozen=True)
class Settings:
    name: str = "whole"
    model: Model = Model()
    training: TrainingOptions = dataclasses.field(default_factory=TrainingOptions)


@pytest.mark.parametrize(
    ("assignment", "field", "value"),
    [
        ("model.units=64", "units", 64),
        ("model.dropout=1e-1", "dropout", 0.1),
        ("model.dropout=1", "dropout", 1.0),
        ("model.residual=True", "residual", True),
        ("model.residual=false", "residual", False),
        ("model.cell=gru", "cell", "gru"),
        ("model.longest=7", "longest", 7),
        ("model.longest=none", "longest", None),
        ("model.name=a=b", "name", "a=b"),
        ("model.name=none", "name", "none"),
    ],
)
def test_a_field_is_set_to_a_value_of_its_type(assignment, field, value):
    settings = set_fields(Settings(model=Model(longest=3)), [assignment])

    assert getattr(settings.model, field) == value
    assert type(getattr(settings.model, field)) is type(value)
    assert settings.training == TrainingOptions()


def test_later_assignments_win_and_the_settings_given_stay_as_they_are():
    before = Settings()
    after = set_fields(before, ["model.units=7", "training.epochs=3", "model.units=9"])

    assert (after.model.units, after.training.epochs) == (9, 3)
    assert before == Settings()


@pytest.mark.parametrize("order", [1, -1])
def test_fields_that_go_together_may_be_set_in_any_order(order):
    settings = ["training.schedule=inverse_sqrt", "training.warmup_steps=3"]
    training = set_fields(Settings(), settings[::order]).training
    assert (training.schedule, training.warmup_steps) == ("inverse_sqrt", 3)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("model.unit=3", "Unknown field 'model.unit'. Did you mean 'model.units'? Known: model.u"),
        ("epochs=3", "Unknown field 'epochs'. Did you mean 'training.epochs'?"),
        ("name=x", "Unknown field 'name'. Did you mean 'model.name'?"),
        ("model=3", "Unknown field 'model'."),
        ("model.units", "A setting is written field=value, such as training.epochs=3. Received"),
        ("model.units=3.5", "`model.units` must be an integer. Received: '3.5'."),
        ("model.units=", "`model.units` must be an integer. Received: ''."),
        ("model.units=none", "`model.units` must be an integer. Received: 'none'."),
        ("model.dropout=much", "`model.dropout` must be a number. Received: 'much'."),
        ("model.residual=1", "`model.residual` must be true or false. Received: '1'."),
        ("model.cell=rnn", "`model.cell` must be one of lstm, gru. Received: 'rnn'."),
        ("model.longest=x", "`model.longest` must be an integer or none. Received: 'x'."),
        ("training.epochs=0", "`epochs` must be positive. Received: epochs=0."),
    ],
)
def test_a_wrong_assignment_is_explained_in_a_line(assignment, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        set_fields(Settings(), [assignment])

    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": -1}, "`batch_size` must be positive"),
        ({"learning_rate": float("nan")}, "`learning_rate` must be positive"),
        ({"learning_rate": float("inf")}, "`learning_rate` must be positive"),
        ({"clipnorm": 0.0}, "`clipnorm` must be positive"),
        ({"patience": 0}, "`patience` must be positive"),
        ({"schedule": "cosine", "warmup_steps": -1}, "`warmup_steps` must be at least 0"),
        ({"schedule": "plateau", "warmup_steps": 3}, "`warmup_steps` must be 0 with"),
        ({"schedule": "inverse_sqrt"}, "`warmup_steps` must be at least 1. Received: warmup_ste"),
        ({"plateau_patience": 0}, "`plateau_patience` must be positive"),
        ({"average_checkpoints": 0}, "`average_checkpoints` must be positive"),
        ({"ema": 1.0}, "`ema` must be at least 0 and below 1. Received: ema=1.0"),
        ({"label_smoothing": -0.1}, "`label_smoothing` must be at least 0 and below 1"),
        ({"scheduled_sampling": 1.5}, "`scheduled_sampling` must be from 0 to 1. Received"),
        (
            {"ema": 0.9, "average_checkpoints": 2},
            "Only one of `ema` and `average_checkpoints`",
        ),
    ],
)
def test_training_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TrainingOptions(**options)


def rates(steps, **options):
    optimizer = make_optimizer(TrainingOptions(epochs=5, learning_rate=0.2, **options), 8)
    seen = []
    for step in range(steps):
        optimizer.iterations.assign(step)
        seen.append(float(optimizer.learning_rate))
    return np.array(seen)


def test_a_constant_rate_stays():
    np.testing.assert_allclose(rates(40), 0.2, rtol=1e-6)


def test_a_cosine_ends_at_zero_when_the_last_epoch_ends():
    expected = 0.1 * (1 + np.cos(np.pi * np.arange(41) / 40))

    np.testing.assert_allclose(rates(41, schedule="cosine"), expected, atol=1e-6)


def test_a_warm_up_rises_in_a_line_and_leaves_the_cosine_the_steps_that_remain():
    rise = 0.2 * np.arange(10) / 10
    fall = 0.1 * (1 + np.cos(np.pi * np.arange(31) / 30))

    np.testing.assert_allclose(
        rates(41, schedule="cosine", warmup_steps=10), [*rise, *fall], atol=1e-6
    )


def test_a_warm_up_leads_to_a_constant_rate_too():
    rise = 0.2 * np.arange(10) / 10

    np.testing.assert_allclose(rates(40, warmup_steps=10), [*rise, *[0.2] * 30], atol=1e-6)


def test_the_inverse_square_root_is_that_of_vaswani_with_its_peak_at_the_end_of_the_warm_up():
    step = np.arange(1.0, 41.0)
    paper = np.minimum(step**-0.5, step * 10**-1.5)  # section 5.3, without the width of the model

    found = rates(40, schedule="inverse_sqrt", warmup_steps=10)
    np.testing.assert_allclose(found, 0.2 * paper / paper.max(), rtol=1e-5)
    assert found.argmax() == 9


def test_the_optimizer_averages_weights_as_the_options_say():
    config = make_optimizer(TrainingOptions(ema=0.75), 8).get_config()
    assert (config["use_ema"], config["ema_momentum"]) == (True, 0.75)
    assert not make_optimizer(TrainingOptions(), 8).use_ema


def test_a_warm_up_as_long_as_the_training_is_refused():
    with pytest.raises(ValueError, match="`warmup_steps` must be below the 40 steps"):
        rates(1, schedule="cosine", warmup_steps=40)


@pytest.mark.parametrize("clipnorm", [None, 2.5])
def test_the_optimizer_clips_as_the_options_say(clipnorm):
    assert make_optimizer(TrainingOptions(clipnorm=clipnorm), 8).global_clipnorm == clipnorm
    names = {"layer": "layer_clipnorm", "variable": "clipnorm", "value": "clipvalue"}
    for clip, name in names.items():
        config = make_optimizer(TrainingOptions(clipnorm=clipnorm, clip=clip), 8).get_config()
        assert config[name] == clipnorm
        assert config["global_clipnorm"] is None


RECIPE = """
import dataclasses
from typing import Literal
from seqzoo.recipe import Recipe, TrainingOptions

@dataclasses.dataclass(frozen=True)
class Model:
    kind: Literal["a", "b"] = "a"

{name} = Recipe(
    name="{name}", load=lambda folder, data: {{}}, build=None, data=None, model=Model(),
    training=TrainingOptions(), search=None, metrics={{}}, examples=(), figures=(),
)
"""


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_recipe_is_found_by_its_type_and_its_settings_can_be_set(tmp_path):
    one = load_recipe(write(tmp_path, "one/same.py", RECIPE.format(name="first")))
    other = load_recipe(write(tmp_path, "two/same.py", RECIPE.format(name="second")))

    assert (one.name, other.name) == ("first", "second")
    assert set_fields(one, ["model.kind=b"]).model.kind == "b"
    assert [path.name for path in tmp_path.rglob("*.pyc")] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "must hold one `recipe = Recipe(...)`. Received: {path}, which holds 0."),
        (RECIPE.format(name="a") + RECIPE.format(name="b"), "{path}, which holds 2."),
        ("x = 1\n\ny = z\n", "{path} cannot be run: NameError in line 3: name 'z' is not defined"),
        ("x = (\n", "{path} cannot be run: SyntaxError in line 1: '(' was never closed"),
        ("import nothing_of_this_name\n", "ModuleNotFoundError in line 1: No module named"),
    ],
)
def test_a_file_that_holds_no_one_recipe_is_explained(tmp_path, text, message):
    path = write(tmp_path, "r.py", text)

    with pytest.raises(ValueError) as error:  # noqa: PT011
        load_recipe(path)
    assert message.format(path=path) in str(error.value)


def test_a_missing_recipe_file_is_explained(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no recipe, .*none.py'.*`seqzoo list` shows"):
        load_recipe(tmp_path / "none.py")
    with pytest.raises(FileNotFoundError, match="Did you mean 'chorales'"):
        load_recipe("choral")


def test_a_recipe_of_seqzoo_is_loaded_by_its_name():
    assert load_recipe("chorales").name == "chorales"


def make_recipe(**changes):
    settings = {
        **{"name": "r", "load": None, "build": None, "data": None, "model": None},
        **{"training": TrainingOptions(), "search": None, "metrics": {}, "examples": ()},
        **{"figures": ()},
    }
    return Recipe(**settings | changes)


def test_a_loader_gets_the_folder_as_a_path_or_none_and_the_settings_of_the_data():
    seen = []

    def load(folder, data):
        seen.append((folder, data))
        return {"train": [(1, 2)], "validation": [(3, 4)]}

    recipe = make_recipe(load=load, data=Model())
    recipe.load_splits("x")
    recipe.load_splits(None)

    assert seen == [(Path("x"), Model()), (None, Model())]


@pytest.mark.parametrize("splits", [{"train": [(1, 2)]}, {"train": [], "validation": [(1, 2)]}])
def test_a_recipe_without_training_or_validation_examples_is_refused(splits):
    with pytest.raises(ValueError, match="must hold at least one example"):
        make_recipe(load=lambda folder, data: splits).load_splits(None)


class Labels:
    """A task that generates nothing: it answers with a length, as a classifier with a label."""

    def evaluate(self, examples, return_dict, verbose):
        assert return_dict
        assert verbose == 0
        return {"loss": float("inf"), "accuracy": np.float32(0.5)}


def test_scores_are_those_of_the_task_and_of_the_metrics_and_go_into_json():
    from seqzoo.recipe import Answer

    recipe = make_recipe(
        metrics={"share": lambda outputs, references: np.mean(np.equal(outputs, references))},
        respond=lambda task, inputs, search: [[Answer(len(x), 0.5)] if x else [] for x in inputs],
    )
    examples = [("aa", 2), ("b", 2), ("", ""), ("cccc", 4)]

    scores = recipe.scores(Labels(), examples, search=None)
    assert scores == {"loss": None, "accuracy": 0.5, "share": 0.75}
    assert json.loads(json.dumps(scores)) == scores


def test_a_search_stays_or_gets_another_width_and_number_of_answers():
    beam = BeamSearch(width=4, alpha=0.5, max_length=9)
    greedy = Greedy(max_length=9)

    def search_of(search, **flags):
        return make_recipe(search=search).search_as(SearchFlags(**flags))

    assert search_of(beam) is beam
    assert search_of(greedy) is greedy
    assert search_of(beam, beam=3) == dataclasses.replace(beam, width=3)
    assert search_of(beam, n_best=2) == dataclasses.replace(beam, n_best=2)
    assert search_of(beam, n_best=6) == dataclasses.replace(beam, width=6, n_best=6)
    assert search_of(greedy, beam=3, n_best=2) == BeamSearch(width=3, n_best=2, max_length=9)
    assert search_of(None, n_best=3) is None
    scored = {"length_penalty": "gnmt", "alpha": 0.2, "min_length": 2, "max_length": 7}
    assert search_of(beam, **scored) == dataclasses.replace(beam, **scored)


def test_flags_make_samples_and_constraints():
    before = (SuppressedAtStart((3,)),)
    greedy = Greedy(9, before)
    recipe = make_recipe(search=greedy)

    found = recipe.search_as(SearchFlags(temperature=0.5, top_k=4, seed=0, n_best=2))
    assert found == Sample(0.5, 4, n_samples=2, seed=0, max_length=9, constraints=before)
    sample = make_recipe(search=found)
    assert sample.search_as(SearchFlags(n_best=3)).n_samples == 3
    assert recipe.search_as(SearchFlags(sample=True)) == Sample(max_length=9, constraints=before)
    found = recipe.search_as(SearchFlags(ban=["a b", "c"], no_repeat_ngram=2))
    more = (NoRepeatNGram(2), BannedPhrases(("a b", "c")))
    assert found == Greedy(9, (*before, *more))


def test_a_search_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"--n-best must be at most --beam\. Received"):
        make_recipe(search=BeamSearch(width=5)).search_as(SearchFlags(beam=2, n_best=3))
    with pytest.raises(ValueError, match=r"'r' does not search\. Leave out --beam"):
        make_recipe(search=None).search_as(SearchFlags(beam=2))
    with pytest.raises(ValueError, match="--top-k is for samples and --min-length for a beam"):
        make_recipe(search=Greedy()).search_as(SearchFlags(top_k=2, min_length=3))


def test_scores_of_no_examples_are_refused():
    with pytest.raises(ValueError, match="at least one example to score"):
        make_recipe().scores(Labels(), [], search=None)


def test_a_run_folder_is_made_at_once_and_gives_back_its_record(tmp_path):
    folder = RunFolder(tmp_path / "runs/a")
    options = RunOptions(data="/d\udcff", settings=("model.units=3",), precision="mixed_float16")
    made_of = Provenance("r", sha256(b"x = 1\n"), "tagged", False, {"train": "3 ab"})
    record = RunRecord(options, made_of)
    folder.check_free(resume=False)
    folder.create(b"x = 1\n", record)

    assert folder.holds_run()
    assert folder.record() == record
    assert folder.trusted_recipe(record) == b"x = 1\n"
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["a"]


def test_a_run_folder_may_be_an_empty_one(tmp_path):
    folder = RunFolder(tmp_path / "a")
    folder.path.mkdir()
    folder.check_free(resume=True)
    folder.create(b"", RunRecord(RunOptions(), None))

    assert folder.holds_run()


def test_a_folder_that_holds_a_run_is_free_only_for_its_resumption(tmp_path):
    folder = RunFolder(tmp_path / "a")
    folder.create(b"", RunRecord(RunOptions(), None))

    folder.check_free(resume=True)
    with pytest.raises(FileExistsError, match=r"holds a run. Continue it with --resume"):
        folder.check_free(resume=False)


@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize("name", ["a", "a/notes.txt"])
def test_a_path_that_holds_other_files_is_never_free(tmp_path, name, resume):
    write(tmp_path, name, "mine")

    with pytest.raises(FileExistsError, match="which holds other files"):
        RunFolder(tmp_path / "a").check_free(resume)


def test_a_folder_without_a_run_or_with_a_broken_record_is_explained(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"which holds no run. Check the path"):
        RunFolder(tmp_path).record()
    with pytest.raises(FileNotFoundError, match=r"which is not a folder. Check the path"):
        RunFolder(tmp_path / "none").record()
    for text in ("{", "[]", '{"settings": [], "colour": 1}', "{}"):
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(ValueError, match=r"run.json cannot be read: .* or train again"):
            RunFolder(tmp_path).record()


@pytest.mark.parametrize(
    ("values", "mode", "said"),
    [
        ([3.0, 2.0, 1.0], "min", "was still getting better in the last epoch, by 50.0%"),
        ([0.5, 0.6, 0.9], "max", "Train longer, --set training.epochs=6."),
        ([2.0, 1.0, 0.999], "min", None),
        ([1.0, 2.0, 3.0, 4.0], "min", "was best in epoch 1 of 4"),
        ([0.9, 0.8, 0.85, 0.7], "max", "a higher dropout"),
        ([3.0, 2.0, 1.0, 1.1], "min", None),
        ([3.0, 1.0], "min", None),
    ],
)
def test_a_training_that_was_too_short_or_too_long_says_so(values, mode, said):
    lines = _advice(values, TrainingOptions(epochs=3, monitor="val_x", mode=mode))
    assert [said in line for line in lines] == [True] * (said is not None)
