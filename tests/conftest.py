"""What TensorFlow needs before it is imported, what other backends collect, a seed for each test.

Under `KERAS_BACKEND=jax` the tests of what runs on any backend are collected, and TensorFlow need
not be there.
"""

import gc
import math
import os
import zlib
from collections import Counter, defaultdict
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("JAX_ENABLE_X64", "1")  # laws compare in float64
# What is compiled runs but once: by XLA within TensorFlow, and within JAX.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
import seqzoo  # noqa: F401  it sets what TensorFlow reads when it is imported

# isort: split
import keras
import pytest
from budget import RunBudget, memory_of_this_process
from tracing import free_traced_functions

GROWTH = 300_000_000  # bytes that a process may grow by before it frees what was traced
ROWS = 2  # of a test on JAX, about; the others are slow
THOROUGH = Path(__file__).with_name("thorough.txt")

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"

if ON_TENSORFLOW:
    import tensorflow

    (CPU,) = tensorflow.config.list_physical_devices("CPU")
    tensorflow.config.set_logical_device_configuration(
        CPU, [tensorflow.config.LogicalDeviceConfiguration()] * 2
    )
else:
    from keras.src.backend.common import dtypes

    # Elsewhere Keras's promotion of types takes float64 for float32, and so do tanh, sin and cos.
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"

    # Folders of what runs on any backend, but for the files about TensorFlow's own part, which
    # import it, those about what CIDEr and scores of forecasts are compared with, and those about
    # files.
    any_backend = {"encoders", "heads", "laws", "layers", "metrics", "ops", "search"}
    here = Path(__file__).parent
    collect_ignore_glob = ["test_*.py"]
    collect_ignore = [
        folder.name
        for folder in here.iterdir()
        if folder.is_dir() and folder.name not in any_backend
    ]
    without = ("metrics/test_caption_metrics.py", "metrics/test_forecast_scores.py")
    collect_ignore += [*without, "laws/test_damage_laws.py", "laws/test_reader_laws.py"] + [
        str(path.relative_to(here))
        for path in here.rglob("test_*.py")
        if "\nimport tensorflow as tf\n" in path.read_text()
    ]

gc.freeze()  # no collection looks again at what is imported: it is never garbage


def pytest_configure(config):
    if not hasattr(config, "workerinput"):  # in the process that starts the others
        config.pluginmanager.register(RunBudget(), "budget")


_memory_after_freeing = memory_of_this_process()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    """Frees what a module has traced at its end, and before that where it grows large."""
    global _memory_after_freeing
    ends = nextitem is None or nextitem.path != item.path
    if ends or memory_of_this_process() > _memory_after_freeing + GROWTH:
        free_traced_functions(getattr(item, "module", None) if ends else None)
        _memory_after_freeing = memory_of_this_process()


@pytest.fixture
def tf():
    """TensorFlow, for what no other backend has. Tests that ask for it run on it alone."""
    return tensorflow


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Marks what is slow or thorough; leaves out what asks for `tf` where there is none."""
    thorough = set(THOROUGH.read_text(encoding="utf-8").splitlines())
    for item in items:
        if item.nodeid in thorough:
            item.add_marker("thorough")
    crossings = defaultdict(list)
    for item in items:
        if item.get_closest_marker("one_of_each") and not item.get_closest_marker("slow"):
            crossings[item.path, item.originalname].append(item)
    for rows in crossings.values():
        _mark_all_but_one_of_each_slow(rows)
    if ON_TENSORFLOW:
        return
    left_out = [item for item in items if "tf" in item.fixturenames]
    items[:] = [item for item in items if "tf" not in item.fixturenames]
    config.hook.pytest_deselected(items=left_out)
    _mark_most_rows_slow(items)


def _mark_all_but_one_of_each_slow(rows):
    """Leaves rows of a test unmarked until each value of each of its parameters is in one of them.

    The next row is one with the most values that are missing, and of these with the rarest ones.
    """
    values = {row: _values_of(row) for row in rows}
    missing, uses = set().union(*values.values()), Counter()
    while missing:
        row = max(
            rows, key=lambda row: (len(values[row] & missing), -sum(uses[v] for v in values[row]))
        )
        missing -= values[row]
        uses.update(values[row])
        rows.remove(row)
    for row in rows:
        row.add_marker("slow")


def _values_of(row):
    """What a row has of each list of its parameters."""
    names = [mark.args[0] for mark in row.iter_markers("parametrize")]
    names = [each.split(",") if isinstance(each, str) else each for each in names]
    parameters = row.callspec.params
    return {tuple((name.strip(), id(parameters[name.strip()])) for name in each) for each in names}


def _mark_most_rows_slow(items):
    """Leaves of each test about `ROWS` rows unmarked, other ones of each test.

    JAX compiles for a second or two in most of them. The rows are picked by a hash of their names,
    so that every run has the same ones.
    """
    counts = Counter((item.path, item.originalname) for item in items)
    for item in items:
        one_in = math.ceil(counts[item.path, item.originalname] / ROWS)
        if zlib.crc32(f"{item.path.name} {item.name}".encode()) % one_in:
            item.add_marker("slow")


@pytest.fixture(scope="session")
def two_replicas():
    """One strategy for all tests: TensorFlow mixes up the sums of two on the same devices."""
    return tensorflow.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.fixture
def eagerly():
    """Runs every `tf.function` op by op: for a step or two of a task, tracing takes longer."""
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


@pytest.fixture(autouse=True, scope="session")
def _configuration_folder(tmp_path_factory):
    """Runs of the tests are signed with a key of their own."""
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("configuration"))


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(0)
