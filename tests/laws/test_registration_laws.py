"""After `import seqzoo`, Keras knows every class of the library by its registered name."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from architecture import TENSORFLOW_PARTS

import seqzoo as sz

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
PACKAGE = Path(sz.__file__).parent

VERSION_0_1 = """
ActivationRegularization Adam AdditiveAttention ApplicationPixels BackboneEncoder
BatchNormalization Bidirectional BitsPerCharacter ByteTokenizer CRF CaptionDecoder Captioner
CharacterTokenizer ChronoInitializer Classes Classifier ConcatAttention CoupledLSTMCell
CoverageAttention DotAttention DroppedEmbedding Ensemble FeatureEncoder FeatureReader FrameReader
GRU GRUCell GeneralAttention ImageCaptions ImageEncoder ImageReader IndRNNCell
InverseSquareRoot KerasCell LRUCell LSTM LSTMCell LabelledText LabelledVectors Labels
LanguageDecoder LanguageEncoder LanguageModel LayerNormGRUCell LayerNormLSTMCell
LocationSensitiveAttention LockedDropout MinGRUCell MinLSTMCell MultiHeadAttention
PeepholeLSTMCell Perplexity Pooling ProjectedLSTMCell RGLRUCell Recurrent RecurrentDecoder
RecurrentEncoder RecurrentStack RunningText ScheduledSampling SelfAttentionPooling Seq2Seq
SimpleRNN SimpleRNNCell SubwordTokenizer TCN TaggedTokens Tagger Tags TextCNN TextPairs
TokenAccuracy TokenFeatures TokenLookup Tokens VideoEncoder WhitespaceTokenizer WordTokenizer
"""
"""The registered names of version 0.1, which saved files hold."""

IMPORTS = {
    "seqzoo_first": "import seqzoo, keras",
    "keras_first": "import keras, seqzoo",
    "a_part_first": "import seqzoo.ops.masks, keras",
    "tensorflow_first": "import seqzoo, tensorflow, keras",
}
LOAD = """
import json, sys
import numpy as np
names = [each for each in keras.saving.get_custom_objects() if each.startswith("seqzoo>")]
model = keras.models.load_model(sys.argv[1])
outputs = np.asarray(model(np.load(sys.argv[2])))
print(json.dumps([names, "tensorflow" in sys.modules, outputs.tolist()]))
"""


def registered_names() -> set[str]:
    """The registered names in the files of what the backend can import."""
    names = set()
    for path in PACKAGE.rglob("*.py"):
        if not ON_TENSORFLOW and path.relative_to(PACKAGE).parts[0] in TENSORFLOW_PARTS:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            for decorator in getattr(node, "decorator_list", ()):
                if "register_keras_serializable" in ast.unparse(decorator):
                    explicit = [
                        word.value.value for word in decorator.keywords if word.arg == "name"
                    ]
                    names.add(f"seqzoo>{(explicit or [node.name])[0]}")
    return names


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A file with layers of ours, inputs, and what the model made of them."""
    folder = tmp_path_factory.mktemp("saved")
    inputs = keras.Input((3, 2))
    hidden = sz.layers.LSTM(5, return_sequences=True)(inputs)
    model = keras.Model(inputs, sz.layers.Pooling("mean")(hidden))
    model.save(folder / "model.keras")
    x = np.random.default_rng(0).normal(size=(4, 3, 2)).astype("float32")
    np.save(folder / "inputs.npy", x)
    return folder / "model.keras", folder / "inputs.npy", np.asarray(model(x))


@pytest.mark.parametrize(
    "order",
    [*list(IMPORTS)[:3], pytest.param("tensorflow_first", marks=pytest.mark.slow)],
)
def test_keras_loads_what_was_saved_after_any_order_of_imports(order, saved):
    if order == "tensorflow_first" and not ON_TENSORFLOW:
        pytest.skip("needs TensorFlow")
    model, inputs, expected = saved
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", IMPORTS[order] + LOAD, model, inputs]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    names, has_tensorflow, outputs = json.loads(done.stdout)

    assert set(names) == registered_names()
    assert has_tensorflow == ON_TENSORFLOW
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def test_names_of_version_0_1_are_registered():
    old = {f"seqzoo>{name}" for name in VERSION_0_1.split()}
    missing = old - set(keras.saving.get_custom_objects())

    assert len(old) == 79
    if ON_TENSORFLOW:
        assert not missing
