"""Words and punctuation marks as tokens."""

from __future__ import annotations

import keras
import tensorflow as tf

from seqzoo.preprocessing import text_normalization as norm
from seqzoo.preprocessing.lookup import LookupTokenizer

JOINER = "￭"  # U+FFED, the joiner of OpenNMT's tokenizer

_MARK = r"[\p{P}\p{S}\x00]"  # \x00 stands for a joiner of the text itself
_LETTER = r"[^\p{P}\p{S}\p{Nd}\x00 ]"
_NUMBER = r"\p{Nd}+(?:[.,]\p{Nd}+)*"
_WORD = rf"(?:{_NUMBER}|{_LETTER})+"
_TOKEN = rf"{_WORD}(?:['\x{{2019}}\-]{_WORD})*|{_MARK}"


@keras.saving.register_keras_serializable(package="seqzoo")
class WordTokenizer(LookupTokenizer):
    """Splits at spaces and around punctuation, and joins without a loss.

    Every punctuation mark and symbol is a token of its own, but for the point
    and comma between digits (3.5, 1,000) and the apostrophe and hyphen between
    letters or digits (don't, T-Shirt), which stay inside the word. A mark that
    touches its neighbour carries the joiner U+FFED on that side::

        Hello, world. (3.5 km)  ->  Hello ￭, world ￭. (￭ 3.5 km ￭)

    so that a word has one id whatever stands around it, and `detokenize` gives
    back the normalised text: that of `Tokenizer`, with every run of white space
    as one space and none at the ends. (A joiner in the text itself is a mark that
    leaves the joining to the word after it.) Texts of scripts without spaces are
    better served by characters or sub-words.

    Core TensorFlow ops only. Arguments as in `LookupTokenizer`.

    `tokenize` takes strings `(B,)` and returns ragged ids `(B, None)`; `detokenize` the reverse.

    Example:
        >>> tokenizer = sz.preprocessing.WordTokenizer()
        >>> tokenizer.adapt(["Hello, world.", "Hello again."])
        >>> tokens = tokenizer.tokens(tokenizer.tokenize(["Hello, Mars."]))
        >>> tokens.numpy().tolist()
        [[b'Hello', b',', b'<unk>', b'.']]
        >>> tokenizer.detokenize(tokenizer.tokenize(["Hello,  world."])).numpy().tolist()
        [b'Hello, world.']
    """

    def normalize(self, strings: tf.Tensor) -> tf.Tensor:
        return norm.squeeze_spaces(super().normalize(strings))

    def _normal_forms(self, tokens: list[str]) -> list[str]:
        # The joiners at the ends are no text, and NFKC would make another character of them.
        bare = [token.strip(JOINER) for token in tokens]
        return [
            token.replace(inner, form) if inner else token
            for token, inner, form in zip(tokens, bare, super()._normal_forms(bare), strict=True)
        ]

    def _split(self, strings: tf.Tensor) -> tf.RaggedTensor:
        text = tf.strings.regex_replace(strings, JOINER, "\0")
        text = tf.strings.regex_replace(text, _TOKEN, rf"\0{JOINER}")
        text = tf.strings.regex_replace(text, f"{JOINER}( |$)", r"\1")
        # Now a joiner stands wherever two tokens touch. It goes to a mark before a word …
        text = tf.strings.regex_replace(
            text, rf"([\p{{P}}\p{{S}}]){JOINER}([^\p{{P}}\p{{S}}\x00 ])", rf"\1{JOINER} \2"
        )
        # … else to the token on the right. A joiner of the text never gets one on its right,
        # so that the tokens ￭ and ￭￭ have one reading each.
        text = tf.strings.regex_replace(text, f"{JOINER}([^ ])", rf" {JOINER}\1")
        return tf.strings.split(tf.strings.regex_replace(text, r"\x00", JOINER))

    def _join(self, tokens: tf.RaggedTensor) -> tf.Tensor:
        text = tf.strings.reduce_join(_hide_text_joiners(tokens), axis=1, separator=" ")
        text = tf.strings.regex_replace(text, f"{JOINER} {JOINER}|{JOINER} | {JOINER}", "")
        return tf.strings.regex_replace(tf.strings.regex_replace(text, JOINER, ""), r"\x00", JOINER)

    def _display(self, tokens: tf.Tensor) -> tf.Tensor:
        tokens = tf.strings.regex_replace(tokens, f"^{JOINER}(.+)$", r"\1")
        return tf.strings.regex_replace(tokens, f"^(.+){JOINER}$", r"\1")


def _hide_text_joiners(tokens: tf.RaggedTensor) -> tf.RaggedTensor:
    return tokens.with_flat_values(
        tf.strings.regex_replace(tokens.flat_values, f"^({JOINER}?){JOINER}$", "\\1\0")
    )
