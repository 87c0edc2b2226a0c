"""What `import seqzoo` gives, and what it spares."""

import json
import os
import subprocess
import sys

import pytest

import seqzoo as sz

IMPORT = """
import json, os, sys, time
names = ["TF_ENABLE_ONEDNN_OPTS", "TF_CPU_ALLOCATOR_USE_BFC"]
for name in names:
    os.environ.pop(name, None)
started = time.process_time()
import seqzoo as sz
seconds = time.process_time() - started
heavy = {"tensorflow", "keras", "keras_hub", "matplotlib", "numpy", "babel"} & set(sys.modules)
print(json.dumps([sorted(heavy), [os.environ.get(name) for name in names], dir(sz), seconds]))
"""


def run(code, **environment):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout


def test_the_import_brings_no_heavy_library():
    heavy, settings, listed, seconds = json.loads(run(IMPORT))

    assert heavy == []
    assert settings == ["1", "1"]
    assert listed == sorted(sz.__all__)
    assert seconds < 0.1


def test_a_setting_of_the_user_stays():
    code = "import os, seqzoo; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    assert run(code, TF_ENABLE_ONEDNN_OPTS="0").strip() == "0"


@pytest.mark.parametrize("name", sz.__all__)
def test_every_name_of_the_public_face_is_there(name):
    assert getattr(sz, name) is not None


def test_names_are_the_objects_of_their_homes():
    from seqzoo import search, tasks

    assert sz.BeamSearch is search.BeamSearch
    assert sz.Seq2Seq is tasks.Seq2Seq
    assert (sz.load, sz.from_preset) == (tasks.load, tasks.from_preset)
    assert sz.zoo.bahdanau_2015 is sys.modules["seqzoo.zoo"].bahdanau_2015


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'seqzoo' has no attribute 'Beam'"):
        sz.Beam  # noqa: B018
    assert not hasattr(sz, "crf")
