"""Presets and `.keras` files with configs of somebody who means harm, loaded in another process.

The configs are those of small tasks, changed at random places (by hypothesis), and the tricks that
are known. The process that loads them reports how long it took, how much memory, and each file,
module, socket and program that Python opened on the way.
"""

from __future__ import annotations

import copy
import json
import os
import re
import secrets
import select
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MAX_SECONDS, MAX_BYTES = 5, 500 * 2**20
# No file may appear here, and none may be read.
CANARY = os.path.join(tempfile.gettempdir(), f"seqzoo-canary-{secrets.token_hex(8)}")
CODE = "4wEAAAAAAAAAAAAAAAIAAABTAAAAcwQAAABkAFMAKQFOqQA="  # of a lambda; nobody may unpack it

NUMBERS = [0, -1, 10**6, 10**7, 10**9, 10**12, 2**63, 10**400, 1e308, -1e-9, float("nan")]
OTHERS = [None, True, "", "a/b", "\ud800", [], {}, [[]], [10**6] * 9, {"class_name": "Dense"}]

LAYER = {"module": "keras.layers", "registered_name": None}
FUNCTION = {"class_name": "function", "registered_name": None}
LAMBDA = {"class_name": "__lambda__", "config": {"value": [CODE, None, None]}}


def _layer(name: str, /, **config: Any) -> dict[str, Any]:
    return {"class_name": name, "config": config, **LAYER}


def _function(module: str, name: str) -> dict[str, Any]:
    return {**FUNCTION, "module": module, "config": name, "registered_name": name}


def _class(module: str, name: str, /, **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config, "registered_name": name}


def _array(dtype: Any) -> dict[str, Any]:
    return {"class_name": "__numpy__", "config": {"value": [1], "dtype": dtype}}


def _nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth):
        value = {"class_name": "Sequential", "module": "keras", "config": {"layers": [value]}}
    return value


PARTS = {
    "a lambda": LAMBDA,
    "a layer of a lambda": _layer("Lambda", function=LAMBDA),
    "a SavedModel": _layer("TFSMLayer", filepath=CANARY, call_endpoint="serving_default"),
    "a pickle": _layer("TorchModuleWrapper", module=CODE),
    "a vocabulary elsewhere": _layer("StringLookup", vocabulary=CANARY),
    "a text vocabulary elsewhere": _layer("TextVectorization", vocabulary=CANARY),
    "a function of the system": _function("os", "system"),
    "a built-in function": _function("builtins", "eval"),
    "a download": _function("keras.utils", "get_file"),
    "a data set": _function("keras.datasets.mnist", "load_data"),
    "a trained model": _function("keras.applications", "MobileNet"),
    "a loader": _function("keras.saving", "load_model"),
    "a loader of weights": _function("keras.models", "load_model"),
    "an image": _function("keras.utils", "load_img"),
    "a class of the system": _class("subprocess", "Popen", args=["touch", CANARY]),
    "a module": _class("antigravity", "antigravity"),
    "a module of Keras": _class("keras.src.utils.file_utils", "File", path=CANARY),
    "a callback": _class("keras.callbacks", "CSVLogger", filename=CANARY),
    "a tokenizer": _class("keras_hub.src.tokenizers.byte_pair_tokenizer", "BytePairTokenizer",
                          vocabulary=CANARY, merges=CANARY),
    "a tokenizer of a model": _class("keras_hub.src.models.bert.bert_tokenizer", "BertTokenizer",
                                     vocabulary=CANARY),
    "a registered tokenizer": _class("keras_hub", "keras_hub>BertTokenizer", vocabulary=CANARY),
    "a long string type": _array("U999999999"),
    "objects": _array("object"),
    "a type": {"class_name": "__typespec__", "spec_name": "TensorSpec", "module": "tensorflow",
               "registered_name": None, "config": [[10**9], "float32"]},
    "a wide layer": _layer("Dense", units=10**12),
    "a wide model": _class("keras", "Sequential", layers=[
        _layer("InputLayer", batch_shape=[None, 10**6]), _layer("Dense", units=10**6)]),
    "a function of arrays": _class("keras.src.models.functional", "Functional", name="f", layers=[
        {"module": "keras.src.ops.numpy", "class_name": "Tile", "registered_name": "Tile",
         "name": "tile", "config": {"repeats": [10**10], "name": "tile"},
         "inbound_nodes": [{"args": [{"class_name": "__tensor__",
                                      "config": {"value": [1.0], "dtype": "float32"}}],
                            "kwargs": {}}]}],
        input_layers=[], output_layers=[["tile", 0, 0]]),
    "itself": {"class_name": "Dense", "shared_object_id": 1, **LAYER,
               "config": {"units": 1, "kernel_initializer": {"class_name": "Dense",
                          "shared_object_id": 1, "config": {}, **LAYER}}},
    "a nest": _nested(60),
    "a deep nest": _nested(300),
}  # fmt: skip
"""Tricks by name: what stands in the place of a part of a task."""

TEXTS = {
    "nothing": b"",
    "no JSON": b'{"class_name": ',
    "no UTF-8": b'\xff\xfe{"',
    "deep lists": b"[" * 10**6 + b"]" * 10**6,
    "deep objects": b'{"a":' * 10**6,
    "a million lists": b"[" + b"[]," * 1_100_000 + b"[]]",
    "ten million numbers": b"[" + b"1," * 10**7 + b"1]",
    "a long number": b'{"a": ' + b"9" * 10**6 + b"}",
    "a large file": b" " * (2**26 + 1),
    "a list": b"[]",
    "text": b'"seqzoo"',
}


def hostile_texts(
    count: int, seed: int, configs: dict[str, Any]
) -> Iterator[tuple[str, str, bytes]]:
    """Yields `(name, family, text)`: the known tricks in every place, then changes at random."""
    for name, text in TEXTS.items():
        yield name, "text", text
    done = len(TEXTS)
    for trick, part in PARTS.items():
        for family, config in list(configs.items())[:2]:
            for place in _places_of_parts(config):
                yield (
                    f"{trick} as {'/'.join(map(str, place))}",
                    family,
                    _dump(_put(config, place, part)),
                )
                done += 1
    for name, family, changed in _changed(max(0, count - done), seed, configs):
        yield name, family, _dump(changed)


def _places_of_parts(config: Any) -> list[tuple]:
    """The whole, and a part of a task, of a layer and of a list."""
    places = [place for place, value in _walk(config) if isinstance(value, dict)]
    own = [p for p in places if p and p[-1] in ("head", "encoder", "kernel_initializer", "dtype")]
    return [(), *own[:3]]


def _walk(value: Any, place: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    yield place, value
    if not isinstance(value, (dict, list)):
        return
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _walk(part, (*place, key))


def _put(config: Any, place: tuple, value: Any) -> Any:
    if not place:
        return value
    config = copy.deepcopy(config)
    inner = config
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return config


def _dump(config: Any) -> bytes:
    return json.dumps(config).encode()


def _changed(count: int, seed: int, configs: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Configs with one to three of their values replaced by others of their kind, or of another."""
    import hypothesis
    from hypothesis import strategies as st

    places = {name: [p for p, _ in _walk(config) if p] for name, config in configs.items()}
    values = {name: dict(_walk(config)) for name, config in configs.items()}
    found: list[tuple[str, str, Any]] = []

    def replacement(name: str) -> Any:
        parts = st.sampled_from(places[name]).map(lambda place: values[name][place])
        return st.one_of(
            st.sampled_from(NUMBERS),
            st.sampled_from(OTHERS),
            parts,
            st.integers(),
            st.floats(),
            st.text(max_size=9),
        )

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=2 * count + 1,  # some change nothing
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.data())
    def draw(data: Any) -> None:
        name = data.draw(st.sampled_from(sorted(configs)))
        config, changes = configs[name], []
        for _ in range(data.draw(st.integers(1, 3))):
            numbers = [p for p in places[name] if isinstance(values[name][p], (int, float))]
            place = data.draw(st.one_of(st.sampled_from(numbers), st.sampled_from(places[name])))
            value = data.draw(replacement(name))
            try:
                config = _put(config, place, value)
            except (KeyError, IndexError, TypeError):
                continue  # an earlier change removed the place
            changes.append(f"{'/'.join(map(str, place))}={str(value)[:40]!r}")
        if changes:
            found.append(("; ".join(changes), name, config))

    draw()
    return found[:count]


class Loader:
    """A process that loads presets, one after the other, and is started again when it ends."""

    def __init__(self, whole: list[Path]):
        self._whole = whole  # presets that are loaded first, so that no library is loaded later
        self._process: Any = None

    def load(self, folder: Path) -> dict[str, Any]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, __file__, *map(str, self._whole)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            self._answer(600)  # it is there
        self._process.stdin.write(f"{folder}\n")
        self._process.stdin.flush()
        return self._answer(4 * MAX_SECONDS)

    def _answer(self, seconds: float) -> dict[str, Any]:
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        line = self._process.stdout.readline() if ready else ""
        if line:
            return json.loads(line)
        self.end()
        return {"outcome": "the process ended" if ready else "it hung", "seconds": seconds}

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def make_presets(folder: Path) -> dict[str, Any]:
    """Writes small presets and `.keras` files of several families and returns their configs."""
    import seqzoo as sz
    from seqzoo.preprocessing import LabelledText, WordTokenizer

    words = WordTokenizer(normalization=None, vocabulary=["", "<unk>", "<start>", "<end>", *"abc"])
    translator = sz.zoo.luong_2015(words, words, units=4, layers=1, embedding_dim=3)
    model = sz.zoo.zaremba_2014(words, units=4, layers=1, window_length=5)
    labelled = LabelledText(words, ["x", "y"])
    classifier = sz.zoo.kim_2014(labelled, filters=2, embedding_dim=3)
    tasks = {"translator": translator, "language model": model, "classifier": classifier}
    configs = {}
    for name, task in tasks.items():
        task.save_preset(folder / name)
        task.compile()
        task.save(folder / f"{name}.keras")
        configs[name] = json.loads((folder / name / "config.json").read_bytes())
    return configs


def _archive(whole: Path, config: bytes) -> Path:
    """Writes the `.keras` file with another config beside it, and returns its path."""
    path = whole.with_name("changed.keras")
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(path, "w") as changed:
        for name in archive.namelist():
            changed.writestr(name, config if name == "config.json" else archive.read(name))
    return path


def try_all(count: int, seed: int) -> dict[str, Any]:
    """Loads so many hostile presets; returns counts of outcomes, and each breach of the promise."""
    with tempfile.TemporaryDirectory() as name:
        folder, whole = Path(name, "changed"), Path(name, "whole")
        configs = make_presets(folder)
        shutil.copytree(folder, whole)

        def write(index: int, family: str, text: bytes) -> Path:
            preset = folder / (family if family in configs else next(iter(configs)))
            if index % 3 == 0:
                return _archive(whole / f"{preset.name}.keras", text)
            (preset / "SHA256SUMS").unlink(missing_ok=True)
            (preset / "config.json").write_bytes(text)
            return preset

        return _try(hostile_texts(count, seed, configs), write, Loader(sorted(whole.iterdir())))


def try_published(count: int, seed: int, models: Path) -> dict[str, Any]:
    """Does what `try_all` does with published models, small ones of every family in a folder."""
    with tempfile.TemporaryDirectory() as name:
        folder, whole = Path(name, "changed"), Path(name, "whole")
        for each in (folder, whole):
            shutil.copytree(models, each)
        configs = {
            each.name: json.loads((each / "config.json").read_bytes()) for each in folder.iterdir()
        }

        def write(index: int, family: str, text: bytes) -> Path:
            model = folder / (family if family in configs else next(iter(configs)))
            (model / "config.json").write_bytes(text)
            return model

        texts = [(name, "text", text) for name, text in TEXTS.items()]
        changed = _changed(count - len(texts), seed, configs)
        texts += [(name, family, _dump(config)) for name, family, config in changed]
        return _try(iter(texts), write, Loader(sorted(whole.iterdir())))


def _try(
    texts: Iterator[tuple[str, str, bytes]],
    write: Callable[[int, str, bytes], Path],
    loader: Loader,
) -> dict[str, Any]:
    """Loads each config from where it is written."""
    breaches, outcomes, most = [], Counter(), {"seconds": 0.0, "megabytes": 0.0}
    for index, (trick, family, text) in enumerate(texts):
        found = loader.load(write(index, family, text))
        outcomes[found["outcome"]] += 1
        most = {each: max(most[each], found.get(each, 0)) for each in most}
        if (
            found["outcome"] not in ("ValueError", "loaded")
            or found["seconds"] > MAX_SECONDS
            or found["megabytes"] * 2**20 > MAX_BYTES
            or found["opened"]
        ):
            breaches.append({"trick": f"{family}: {trick}"[:300], **found})
            print(json.dumps(breaches[-1]), file=sys.stderr)
    loader.end()
    if os.path.lexists(CANARY):
        breaches.append({"trick": f"something wrote {CANARY}"})
    return {"outcomes": dict(outcomes), "most": most, "breaches": breaches}


def _serve() -> None:
    """Loads the presets whose folders stdin names; the body of the process."""
    import resource
    import warnings

    answers, sys.stdout = sys.stdout, sys.stderr
    import keras_hub  # noqa: F401  # so that the loading of libraries is no noise

    import seqzoo as sz

    def load(path: str) -> None:
        if os.path.isfile(os.path.join(path, "model.safetensors")):
            sz.importing.load(path)
        else:
            (sz.load if path.endswith(".keras") else sz.from_preset)(path)

    for path in sys.argv[1:]:
        load(path)
    virtual = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (virtual + 4 * 2**30, virtual + 4 * 2**30))
    warnings.simplefilter("ignore")
    opened: list[str] = []
    libraries = (
        *(os.path.realpath(each) for each in sys.path if each),
        os.path.dirname(os.__file__),
    )
    folder = ""

    def watch(event: str, arguments: tuple) -> None:
        if event == "open" and isinstance(arguments[0], (str, bytes)):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            reads = isinstance(arguments[1], str) and not set(arguments[1]) & set("wax+")
            if path.startswith(folder) or path.startswith("/proc/"):
                return
            if not (reads or arguments[1] is None) or not path.startswith(libraries):
                opened.append(f"open {path}")
        elif event.split(".")[0] in (
            "socket",
            "subprocess",
            "os.system",
            "marshal",
            "pickle",
            "shutil",
        ):
            opened.append(f"{event} {str(arguments)[:80]}")

    sys.addaudithook(watch)
    print("{}", file=answers, flush=True)
    for line in sys.stdin:
        folder = os.path.realpath(line.strip())
        opened.clear()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        opened.clear()
        before, started = _peak(), time.perf_counter()
        try:
            load(folder)
            outcome = "loaded"
        except Exception as error:
            outcome, message = type(error).__name__, str(error)
            if type(error) is ValueError and folder not in message:
                outcome = f"ValueError without a name: {message[:200]}"
        found = {
            "outcome": outcome,
            "seconds": round(time.perf_counter() - started, 2),
            "megabytes": round((_peak() - before) / 2**20),
            "opened": list(opened),
        }
        print(json.dumps(found), file=answers, flush=True)


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


if __name__ == "__main__":
    _serve()
