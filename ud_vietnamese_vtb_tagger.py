"""A tagger of ud_vietnamese_vtb; change it as you like.

seqzoo train ud_vietnamese_vtb_tagger.py --set training.epochs=46
"""

from pathlib import Path

from seqzoo import zoo
from seqzoo.datasets import conll, splits
from seqzoo.preprocessing import CharacterTokenizer, TaggedTokens, TokenLookup
from seqzoo.recipe import Recipe, TrainingOptions

DATA = Path("/work/shared/data/ud_vietnamese_vtb")


def load(folder, data):
    path = folder or DATA  # `--data` gives another folder or file
    return splits.divide(
        conll.load_conllu(path / "vi_vtb-ud-train.conllu.gz"),
        validation=conll.load_conllu(path / "vi_vtb-ud-dev.conllu.gz"),
        test=conll.load_conllu(path / "vi_vtb-ud-test.conllu"),
        labelled=True,
    )


def build(splits, model):
    preprocessor = TaggedTokens(TokenLookup(lowercase=True), CharacterTokenizer())
    preprocessor.adapt(splits["train"])
    return zoo.ma_2016(preprocessor, dropout=0.4, unknown_rate=0.15)


training = TrainingOptions(
    epochs=23,
    batch_size=8,
    learning_rate=2e-3,
    schedule="cosine",
    monitor="val_token_accuracy",
    mode="max",
)
recipe = Recipe(load=load, build=build, training=training)
