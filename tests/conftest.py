"""What TensorFlow needs before it is imported, what other backends collect, a seed for each test.

Under `KERAS_BACKEND=jax` the tests of what runs on any backend are collected, and TensorFlow need
not be there.
"""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("JAX_ENABLE_X64", "1")  # laws compare in float64
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # what is compiled runs but once
import seqzoo  # noqa: F401  it sets what TensorFlow reads when it is imported

# isort: split
import keras
import pytest

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

    # Folders of what runs on any backend, but for files about TensorFlow's own part.
    any_backend = {"heads", "laws", "layers", "metrics", "ops", "search"}
    collect_ignore = ["ops/test_cudnn.py", "laws/test_task_laws.py", "laws/test_answering_laws.py"]
    collect_ignore_glob = ["test_*.py"]
    collect_ignore += [
        folder.name
        for folder in Path(__file__).parent.iterdir()
        if folder.is_dir() and folder.name not in any_backend
    ]


@pytest.fixture
def tf():
    """TensorFlow, for what no other backend has. Tests that ask for it run on it alone."""
    return tensorflow


def pytest_collection_modifyitems(config, items):
    """Leaves out what asks for `tf` where there is none."""
    if ON_TENSORFLOW:
        return
    left_out = [item for item in items if "tf" in item.fixturenames]
    items[:] = [item for item in items if "tf" not in item.fixturenames]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def two_replicas():
    """One strategy for all tests: TensorFlow mixes up the sums of two on the same devices."""
    return tensorflow.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(0)
