"""Taggers: lists of tokens in, a tag for each token out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from seqzoo.encoders.encoder import Encoded, symbolic_inputs
from seqzoo.encoders.graphs import GraphEncoder
from seqzoo.heads.tags import Tags
from seqzoo.ops.gather import gather
from seqzoo.preprocessing.tag_schemes import detect_scheme, pair_in_words, scheme_of_pairs
from seqzoo.tasks.answering import AnsweringTask
from seqzoo.tasks.tagger_parts import check_parts

_ROWS = 1024  # sentences that are checked together


class TagPath(NamedTuple):
    """One sequence of tags for a sentence, and its log-probability among all sequences.

    Example:
        >>> path = sz.tasks.TagPath(["B-PER", "O"], -0.1)
        >>> round(float(np.exp(path[1])), 2)  # its probability
        0.9
    """

    tags: list[str]
    log_prob: float


@keras.saving.register_keras_serializable(package="seqzoo")
class Tagger(AnsweringTask):
    """Features of tokens, an encoder and a head: parts of speech, entities, chunks.

    Without features, the encoder reads the subwords of a sentence, as that of a
    `MaskedLanguageModel` or of a published BERT does, and its output at the first subword of a word
    stands for the word. It goes on learning. Or it reads the vectors of `TaggedResidues`.

    With `TaggedGraphs` it tags the nodes of graphs: the encoder, a `GraphEncoder`, reads them as
    they are, and there are no features.

    Args:
        features: Makes vectors of tokens and of their characters or subwords, see
            `layers.TokenFeatures`; None where the encoder reads subwords, residues or graphs.
        encoder: Makes `Encoded` of vectors, `vocabulary_size=None`, or of subwords; see
            `seqzoo.encoders`.
        preprocessor: `TaggedTokens`, adapted, or `TaggedSubwords` for an encoder of subwords,
            `TaggedResidues` for one of vectors, `TaggedGraphs` for one of graphs; None where users
            feed tensors themselves.
        head: Makes potentials of hidden states; None is `Tags` with a CRF for the preprocessor's
            tags, and without one for those of graphs.

    Call arguments:
        x: Dict of `inputs`, token ids `(B, T)`, `mask` `(B, T)`, and where the features read
            them `pieces` `(B, T, P)`, ids of characters or subwords. Where rows hold several
            sentences, also `segment_ids` `(B, T)` and `steps` `(B, G, L)`, the steps of the tokens
            of each sentence, -1 on padding. Without features, of `inputs` `(B, C, S)`, ids of
            subwords in C chunks, `mask` `(B, T)`, True on words, and `starts` `(B, T)`, where each
            word begins among the C * S subwords. Of residues, of vectors `inputs` `(B, T, width)`
            and `mask`; of graphs `inputs` is a dict of `nodes` `(B, T)` and `edges` `(B, E, 3)`.

    Returns:
        Potentials `(B, T, tag_count)`; of rows of several sentences `(B, G, L, tag_count)`.

    Example:
        >>> words, letters = sz.preprocessing.TokenLookup(), sz.preprocessing.ByteTokenizer()
        >>> text = sz.preprocessing.TaggedTokens(words, letters)
        >>> text.adapt([(["Ann", "left"], ["B-PER", "O"])])
        >>> features = sz.layers.TokenFeatures(words.vocabulary_size, 4, letters.vocabulary_size)
        >>> encoder = sz.encoders.RecurrentEncoder(None, features.width, units=5)
        >>> tagger = sz.Tagger(features, encoder, text)
        >>> [len(tags) for tags in tagger.tag([["Bob", "left"], ["Ann"]])]
        [2, 1]
    """

    watched = "token_accuracy"
    learning_rate = 2e-3

    def __init__(self, features=None, encoder=None, preprocessor=None, head=None, **kwargs):
        if head is None:
            if preprocessor is None:
                raise ValueError(
                    "A tagger needs to know its tags: give a preprocessor, or a head, such as "
                    "heads.Tags(17)."
                )
            head = Tags(len(preprocessor.labels), crf=not isinstance(encoder, GraphEncoder))
        super().__init__(head, preprocessor, **kwargs)
        self.features: Any = features
        self.encoder: Any = encoder
        self.build()

    def build(self, input_shape=None):
        """Makes all weights; no data are needed for it."""
        check_parts(self.features, self.encoder, self.preprocessor, self.head)
        if self.features is None:
            self.head(Encoded(*self.encoder(symbolic_inputs(self.encoder))).outputs)
        else:
            self.call(self.features.input_specs())
        self.built = True

    def target_mask(self, x, y):
        return x["steps"] >= 0 if "steps" in x else _mask(x)

    def _counted(self, x, y):
        return super()._counted({k: x[k] for k in x.keys() - {"steps"}}, y)  # padding of rows

    def raw_examples(self, x, y=None):
        examples = super().raw_examples(x, y)
        if len(self.head.forbidden):
            self._refuse_forbidden_tags(examples)
        return examples

    def checked_tensors(self, x, y=None):
        if not len(self.head.forbidden):
            return x
        if isinstance(x, tf.data.Dataset):
            return x.map(self._checked_batch)
        if isinstance(x, Mapping) and y is not None:
            self._refuse_paths(_real_tags(self.target_mask(x, y), y))
        return x  # what else Keras takes, such as a generator, is not checked

    def _checked_batch(self, x, y, *weight):
        def check(mask, tags):
            self._refuse_paths(_real_tags(mask, tags), where=" of a batch")
            return True

        mask = self.target_mask(x, y)
        with tf.control_dependencies([tf.numpy_function(check, [mask, y], tf.bool)]):
            return x, tf.identity(y), *weight

    def _refuse_forbidden_tags(self, examples: tf.data.Dataset) -> None:
        labels = self.preprocessor.labels
        number = 0
        for tokens, tags in examples.ragged_batch(_ROWS):
            paths = (labels.ids(tags) if tags.dtype == tf.string else tags).to_list()
            is_text = isinstance(tokens, tf.RaggedTensor)  # else these are ids
            self._refuse_paths(paths, tokens.to_list() if is_text else None, number)
            number += len(paths)

    def _refuse_paths(self, paths, tokens=None, first: int = 0, where: str = "") -> None:
        """Raises a ValueError for the first sentence whose tags have a probability of 0.

        Args:
            paths: The tag ids of each sentence. One that holds another number is left out.
            tokens: The tokens of each, as bytes, for the error.
            first: The index of the first sentence, for the error.
            where: What it is an index of, for the error.
        """
        end = self.head.tag_count  # the index before the first tag and after the last
        is_forbidden = np.zeros((end + 1, end + 1), bool)
        for pair in self.head.forbidden:
            is_forbidden[tuple(end if tag is None else tag for tag in pair)] = True
        for row, tags in enumerate(paths):
            if not len(tags) or min(tags) < 0 or max(tags) >= end:
                continue
            path = np.array([end, *tags, end])
            wrong = np.flatnonzero(is_forbidden[path[:-1], path[1:]])
            if len(wrong):
                words = [] if tokens is None else tokens[row]
                text = " ".join(word.decode("utf-8", "replace") for word in words)
                sentence = f"The sentence at index {first + row}{where}"
                sentence += f", {text!r}," if words else ""
                raise ValueError(self._explain_forbidden(sentence, tags, int(wrong[0])))

    def _explain_forbidden(self, sentence: str, tags: Any, index: int) -> str:
        if self.preprocessor is None:
            tags, scheme = [int(tag) for tag in tags], None
            advice = "Correct them, or make the head without `forbidden`."
        else:
            names = self.preprocessor.labels.names
            tags, scheme = [names[tag] for tag in tags], scheme_of_pairs(names, self.head.forbidden)
            advice = "Correct them, or make the tagger with scheme=None."
        follows = None if scheme is None else detect_scheme([tags])
        if follows is not None:
            advice = (
                f"They follow the scheme {follows!r}: convert all with "
                f"`preprocessing.convert_tags(tags, {follows!r}, {scheme!r})` and adapt the "
                "preprocessor to the result, before the tagger is made."
            )
        forbids = "the tagger forbids" if scheme is None else f"the scheme {scheme!r} forbids"
        return (
            f"{sentence} has tags that {forbids}: {tags}, where {pair_in_words(tags, index)}. "
            f"{advice}"
        )

    def call(self, x, training=False):
        if self.features is None:
            read = self._read_subwords if "starts" in x else self._read_steps
            return self.head(read(x, training))
        pieces = x["pieces"] if self.features.piece_count is not None else None
        segments = {"segment_ids": x["segment_ids"]} if "segment_ids" in x else {}
        features = self.features(x["inputs"], pieces, training=training, **segments)
        encoded = Encoded(*self.encoder(features, mask=_mask(x), training=training, **segments))
        outputs = self.head(encoded.outputs)
        if not segments:
            return outputs
        if "steps" not in x:
            raise ValueError(
                "A tagger needs to know where the sentences of a row stand. Received: "
                "`segment_ids` and no `steps`. Give the steps `(B, G, L)` of the tokens of each."
            )
        return keras.tree.map_structure(lambda leaf: _of_sentences(leaf, x["steps"]), outputs)

    def _read_steps(self, x, training):
        """Returns the outputs at residues, or at the nodes of graphs, `(B, T, features)`."""
        return Encoded(*self.encoder(x["inputs"], mask=_mask(x), training=training)).outputs

    def _read_subwords(self, x, training):
        """Returns the outputs at the first subwords of words, `(B, T, features)`."""
        ids, starts = x["inputs"], x["starts"]
        batch, chunks, steps = tf.unstack(tf.shape(ids))
        rows = tf.reshape(ids, [batch * chunks, steps])  # (B, C, S) -> (B*C, S)
        outputs = Encoded(*self.encoder(rows, training=training)).outputs
        outputs = tf.reshape(outputs, [batch, chunks * steps, outputs.shape[-1]])
        return tf.gather(outputs, starts, batch_dims=1)

    def answer_inputs(self, inputs):
        outputs, mask = self(inputs), inputs["mask"]
        return {
            "tags": self.head.decide(outputs, mask),
            "probabilities": self.head.readout(outputs, mask),
        }

    def serve(self, raw):
        """Returns `tags` `(B, T)` of tokens `(B, T)`, or of sequences `(B,)`, padded with "".

        Those of the nodes of a graph stand in the order in which the nodes are first named.

        A sentence that is not read, see `Limits`, has the tags "". Of sequences and graphs, and
        where T is more than `limits.source_tokens`, that of what is returned is the longest that is
        read.
        """
        return super().serve(raw)

    def served_specs(self):
        return {"tags": tf.TensorSpec([None, None], tf.string)}

    def served_answer(self, inputs, is_read, shape, longest):
        width = longest
        if shape.shape[0] > 1:  # of tokens
            width = tf.where(shape[1] > self.limits.source_tokens, longest, shape[1])
        mask = inputs["mask"]
        tags = self.preprocessor.labels.strings(self.head.decide(self(inputs), mask))
        tags = tf.where(mask, tags, "")[:, :width]  # without any token there is a step nevertheless
        return {"tags": tf.pad(tags, [[0, 0], [0, width - tf.shape(tags)[1]]])}

    def tag(self, sentences, batch_size: int = 64) -> list[list[str]]:
        """Returns the tags of each sentence, one for each token.

        The answer for a sentence does not depend on the others.

        Args:
            sentences: List of lists of tokens. One without tokens gets an empty list. Or of graphs,
                whose nodes have their tags in the order of `GraphReader.names`.
            batch_size: Positive int. Max sentences that are answered together.
        """
        names = np.array(self._required_preprocessor("`tag`").labels.names, dtype=object)
        collected = self._collect(sentences, "tags", batch_size)
        return [names[tags].tolist() for tags in collected]

    def marginals(self, sentences, batch_size: int = 64) -> list[np.ndarray]:
        """Returns for each sentence the probability of each tag at each token, `(T, C)`.

        The columns are in the order of `preprocessor.labels.names`.
        """
        return self._collect(sentences, "probabilities", batch_size)

    def tag_n_best(self, sentences, n: int, batch_size: int = 64) -> list[list[TagPath]]:
        """Returns the `n` most probable sequences of tags of each sentence, best first."""
        names = np.array(self._required_preprocessor("`tag_n_best`").labels.names, dtype=object)
        sentences, lengths = self._with_lengths(sentences)

        def best_paths(raw):
            inputs = self.preprocessor.pack_inputs(self.preprocessor.encode_inputs(raw))
            tags, log_probs = self.head.decide_n_best(self(inputs), inputs["mask"], n)
            return {"tags": tags, "log_probs": log_probs}

        paths: list[list[TagPath]] = [[] for _ in sentences]
        for indices, answers in self.answers(sentences, batch_size, best_paths, f"{n} best"):
            for row, index in enumerate(indices):
                length = lengths[index]
                paths[index] = [
                    TagPath(names[tags[:length]].tolist(), float(log_prob))
                    for tags, log_prob in zip(
                        answers["tags"][row], answers["log_probs"][row], strict=True
                    )
                    if log_prob > -1e8
                ]
        return paths

    def _collect(self, sentences, name: str, batch_size: int) -> list[np.ndarray]:
        sentences, lengths = self._with_lengths(sentences)
        collected: list[Any] = [None] * len(sentences)
        for indices, answers in self.answers(sentences, batch_size):
            for row, index in enumerate(indices):
                collected[index] = answers[name][row, : lengths[index]]
        return collected

    def _with_lengths(self, sentences) -> tuple[Any, np.ndarray]:
        """Returns the sentences as a list, and the steps of each."""
        sentences = self._as_list(sentences)
        return sentences, self.preprocessor.lengths(self.preprocessor.as_raw(sentences))

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return super().get_config() | {
            "features": serialize(self.features),
            "encoder": serialize(self.encoder),
        }


def _mask(x):
    """The real words of model inputs, boolean `(B, T)`."""
    return x["mask"] if "mask" in x else ops.not_equal(x["inputs"], 0)


def _real_tags(mask, tags) -> list[np.ndarray]:
    """The tags of the real steps of each sentence, of arrays or tensors `(..., T)`."""
    mask, tags = np.asarray(mask, bool), np.asarray(tags)
    mask, tags = (each.reshape(-1, each.shape[-1]) for each in (mask, tags))
    return [row[real] for real, row in zip(mask, tags, strict=True)]


def _of_sentences(values, steps):
    """The values `(B, G, L, …)` at steps `(B, G, L)` of `(B, T, …)`; any where a step is -1."""
    rows, time = tf.shape(values)[0], tf.shape(values)[1]
    starts = tf.range(rows)[:, None, None] * time
    flat = tf.reshape(values, [rows * time, *values.shape[2:]])
    return gather(flat, starts + tf.maximum(steps, 0))
