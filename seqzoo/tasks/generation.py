"""Generation: raw inputs in, texts out, in the graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from seqzoo.preprocessing.batching import take
from seqzoo.preprocessing.limits import Limits
from seqzoo.preprocessing.text_normalization import squeeze_spaces
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.search import (
    ExampleOptions,
    Greedy,
    Hypotheses,
    Step,
    search_from_config,
    search_to_config,
)
from seqzoo.search.options import check_at_least, check_max_length
from seqzoo.tasks.length_groups import answer_in_groups
from seqzoo.tasks.request import (
    InitialDecodingState,
    answer_batch,
    option_specs,
    request_batches,
    served_options,
)
from seqzoo.tasks.scoring import Scored, score_pairs
from seqzoo.tasks.search_completion import complete_search
from seqzoo.tasks.streaming import TokenStream
from seqzoo.tasks.task import Task
from seqzoo.tasks.traced_functions import TracedFunctions
from seqzoo.tasks.unknown_words import UnknownWords

MAX_LENGTH = 128  # tokens, where neither the search nor the preprocessor sets it


class GenerationTask(Task):
    """A task that generates token sequences, step by step, with a search.

    A subclass encodes model inputs (`encode`), and has a `decoder`. The preprocessor makes model
    inputs of raw ones.

    Args:
        head: See `Task`.
        preprocessor: See `Task`.
        search: The search that is used where none is given; None is `Greedy()`.

    `generate` takes a list of B raw inputs, `hypotheses` model inputs such as ids `(B, S)`.

    Example:
        >>> words = sz.preprocessing.ByteTokenizer()
        >>> isinstance(sz.zoo.gu_2023(words, units=8, layers=1), sz.tasks.GenerationTask)
        True
    """

    def __init__(self, head, preprocessor=None, search: Any = None, **kwargs):
        super().__init__(head, preprocessor, **kwargs)
        self.search = Greedy() if search is None else search
        self._graphs = TracedFunctions()

    def target_mask(self, x, y):
        return tf.not_equal(y, Tokenizer.pad_id)

    def encode(self, inputs):
        """Returns the `Encoded` of model inputs."""
        raise NotImplementedError

    def begin(self, inputs, search) -> InitialDecodingState:
        """Returns what a search starts from, in the graph.

        Args:
            inputs: Model inputs `(B, S)`.
            search: A search whose `max_length` is set.
        """
        encoded = self.encode(inputs)
        examples, max_length = tf.shape(encoded.mask)[0], check_max_length(search.max_length)
        state, memory = self.decoder.start(encoded, examples, max_length, search.width)
        return InitialDecodingState(state, memory, Tokenizer.start_id, encoded.mask)

    def step(self, width: int = 1) -> Step:
        """Returns the step of a search of that width, with its weights read once for a loop."""
        decoder_step, log_probs = self.decoder.stepper(), self.head.stepper(width)

        def step(token_ids, state, memory):
            hidden, state = decoder_step(token_ids, state, memory)
            return log_probs(hidden), state

        return step

    def hypotheses(
        self, inputs, search: Any = None, options: ExampleOptions | None = None
    ) -> Hypotheses:
        """Searches for sequences, in the graph; all that the search returns, as tensors.

        Args:
            inputs: Model inputs `(B, S)`.
            search: A search; None is that of the task.
            options: What differs from example to example; the mask of the source is added.
        """
        return self._search(inputs, self.complete(search), options)

    def _search(self, inputs, search, options: ExampleOptions | None = None) -> Hypotheses:
        """`hypotheses` with a complete search."""
        with self.kernels_read_once():
            state, memory, start, mask = InitialDecodingState(*self.begin(inputs, search))
            options = (ExampleOptions() if options is None else options)._replace(source_mask=mask)
            return search(self.step(search.width), state, memory, start, Tokenizer.end_id, options)

    def serve(
        self,
        raw,
        search: Any = None,
        options: ExampleOptions | None = None,
        replace: UnknownWords | None = None,
    ) -> dict[str, tf.Tensor]:
        """Returns `text` `(B, N)` and `scores` `(B, N)` of raw inputs `(B,)`, best first.

        An input that is not read, see `Limits`, or that is no whole picture has the text "" and
        the score -inf.
        """
        return self._serve(raw, self.complete(search), options, replace)

    def _serve(self, raw, search, options=None, replace=None) -> dict[str, tf.Tensor]:
        bounded = self.preprocessor.encode_within(raw, self.limits_of(search))
        options = ExampleOptions() if options is None else options
        if options.seeds is None and hasattr(search, "seed"):
            options = options._replace(seeds=search.seed + tf.range(tf.size(bounded.steps)))

        def answer(rows):
            def of_rows(each):
                return None if each is None else take(each, rows)

            inputs = self.preprocessor.pack_inputs(of_rows(bounded.encoded))
            some, is_read = of_rows(bounded.raw), of_rows(bounded.is_read)
            own = ExampleOptions(*map(of_rows, options))
            text, hypotheses = self._bounded_answer(some, inputs, is_read, search, own, replace)
            return {"text": text, "scores": hypotheses.scores}

        shape = [None, getattr(search, "n_best", search.width)]
        specs = {
            "text": tf.TensorSpec(shape, tf.string),
            "scores": tf.TensorSpec(shape, tf.float32),
        }
        return answer_in_groups(bounded.steps, self.limits.rows, answer, specs)

    def _bounded_answer(
        self, raw, inputs, is_read, search, options, replace
    ) -> tuple[tf.Tensor, Hypotheses]:
        """`_answer`, but inputs that are not read `(B,)` get "" without tokens, of score -inf."""
        text, hypotheses = self._answer(raw, inputs, search, options, replace)
        has_answer = self._has_answer(inputs, is_read)[:, None]
        return tf.where(has_answer, text, ""), hypotheses._replace(
            lengths=tf.where(has_answer, hypotheses.lengths, 0),
            scores=tf.where(has_answer, hypotheses.scores, -float("inf")),
        )

    @property
    def max_positions(self) -> int | None:
        """The longest sequence in tokens, where positions come from a table; None: any."""
        return getattr(self.decoder, "max_positions", None)

    def limits_of(self, search) -> Limits:
        """Returns the limits of what is read for answers by a complete search."""
        return self.limits

    def _check_lengths(self, raw, search) -> None:
        """Raises ValueError where raw inputs are longer than the model can read."""

    def _has_answer(self, inputs, is_read):
        """Returns which inputs `(B,)` can be answered, of those that are read."""
        return is_read

    def _answer(
        self, raw, inputs, search, options: ExampleOptions | None, replace: UnknownWords | None
    ) -> tuple[tf.Tensor, Hypotheses]:
        """Returns the texts `(B, N)` for raw inputs and the model inputs made of them."""
        hypotheses = self._search(inputs, search, options)
        if replace is None:
            text = self.preprocessor.detokenize(hypotheses.token_ids, *self.copied_words(raw))
        else:
            text = replace.texts(raw, hypotheses)
        return tf.where(self._is_blank(raw)[:, None], "", text), hypotheses

    def _is_blank(self, raw):
        """Returns which raw inputs `(B,)` are blank, so that their answer is empty."""
        return squeeze_spaces(raw) == ""

    def serving_signatures(self, search: Any = None) -> dict[str, Any]:
        """Returns the functions of the SavedModel by the name of their signature.

        `with_options` takes beside the raw inputs what each request may set; see
        `tasks.request.option_specs`.
        """
        return self._signatures(self.complete(search))

    def _signatures(self, search, replace: UnknownWords | None = None) -> dict[str, Any]:
        self._require_preprocessor("export")
        spec = self.preprocessor.raw_spec

        @tf.function(input_signature=[spec], autograph=False)
        def serving_default(raw):
            return self._serve(raw, search, replace=replace)

        @tf.function(autograph=False)
        def with_options(**inputs):
            raw = inputs.pop(spec.name)
            return self._serve(raw, search, served_options(self, inputs, raw), replace)

        specs = {spec.name: spec, **option_specs(self, search)}
        return {
            "serving_default": serving_default,
            "with_options": with_options.get_concrete_function(**specs),
        }

    def export(
        self,
        filepath,
        search: Any = None,
        streaming: bool = False,
        replace_unknown: bool | Mapping[str, str] = False,
        overwrite: bool = False,
    ) -> None:
        """Writes a SavedModel to `filepath`/1, with the task's search if none is given.

        Args:
            filepath: Folder of the model's versions.
            search: A search; None is that of the task.
            streaming: Whether the signatures `stream_start` and `stream_step` are added, with
                which a server sends each token as it comes. The search must go token by token.
            replace_unknown: As in `generate`; a stream replaces nothing.
            overwrite: Whether a model that this method wrote to `filepath`/1 is replaced.
        """
        from seqzoo.export import saved_model

        search = self.complete(search)
        served: Any = tf.Module()
        replace = self._replacement(replace_unknown)
        served.task, served.unknown_words = self, replace  # which may hold a table
        signatures = self._signatures(search, replace)
        if streaming:
            signatures |= TokenStream(self, search).signatures()
        read = {"source_tokens": self.limits_of(search).source_tokens}
        served.described_limits = self.described_limits | read
        saved_model(served, filepath, search, signatures, overwrite)

    def _replacement(self, replace_unknown: bool | Mapping[str, str]) -> UnknownWords | None:
        if replace_unknown is False:
            return None
        self._require_preprocessor("generate")
        return UnknownWords(self, {} if replace_unknown is True else replace_unknown)

    def generate(
        self,
        inputs: Sequence[Any],
        search: Any = None,
        return_hypotheses: bool = False,
        batch_size: int = 64,
        prefixes: Sequence[str] | None = None,
        replace_unknown: bool | Mapping[str, str] = False,
    ) -> list:
        """Generates a text for each raw input, in their order. A blank text gives "".

        So does one that is longer than `limits` allow, with a warning.
        The answer for an input does not depend on the others.

        Args:
            inputs: List, array or tensor of raw inputs.
            search: A search; None is that of the task. Phrases and tokens in its constraints may
                be texts.
            return_hypotheses: Whether to return all that the search returns.
            batch_size: Positive int. Max inputs that are decoded together.
            prefixes: For each input a text that the answer must begin with, or "".
            replace_unknown: Whether an unknown word is replaced by the word of the source with the
                highest attention weight; or a dictionary of words of the target by words of the
                source, which is used for the words that it holds. For words on both sides and a
                decoder that attends. Texts have the replacements; tokens stay as they are.

        Returns:
            A list of str; with `return_hypotheses`, for each input a list of `Generated`, best
            first.

        Raises:
            ValueError: if the inputs are no list of texts, the task has no preprocessor, the
                search is wider or longer than `limits` allow, or a prefix or phrase holds a token
                that is not known, is too long or is banned.
        """
        self._require_preprocessor("generate")
        check_at_least("batch_size", batch_size, 1)
        search, raw = self.complete(search), self.preprocessor.as_raw(inputs)
        self._check_lengths(raw, search)
        answers: list[Any] = [None] * len(raw)
        for indices, batch in request_batches(self, raw, search, prefixes, batch_size):
            generated = answer_batch(self, self._graphs, search, batch, replace_unknown)
            for index, answer in zip(indices, generated, strict=True):
                answers[index] = answer
        return answers if return_hypotheses else [answer[0].text for answer in answers]

    def stream(self, inputs: Sequence[Any], search: Any = None) -> Iterator[list[str]]:
        """Generates token by token: yields the texts so far after each.

        Each text begins with the one before it. The last list is what `generate` returns, less the
        prompts of a language model. The weights are those at the call.

        Args:
            inputs: List, array or tensor of raw inputs, decoded together.
            search: `Greedy` or `Sample` with one sample; None is that of the task.

        Raises:
            ValueError: as in `generate`, or if a search may change earlier tokens.
        """
        self._require_preprocessor("stream")
        raw = self.preprocessor.as_raw(inputs)
        return iter(TokenStream(self, self.complete(search)).texts(raw))

    def score(self, pairs: Sequence[tuple[Any, str]], batch_size: int = 64) -> list[Scored]:
        """Returns the log-probabilities of given targets under the model, in their order.

        Targets are scored whole, also where training cuts them at `max_target_length`.

        Args:
            pairs: List of raw inputs and their targets.
            batch_size: Positive int. Pairs that are scored together.

        Raises:
            ValueError: if these are no pairs, or the task has no preprocessor.
        """
        self._require_preprocessor("score")
        check_at_least("batch_size", batch_size, 1)
        return score_pairs(self, pairs, batch_size)

    def _require_preprocessor(self, method: str) -> None:
        if self.preprocessor is None:
            raise ValueError(
                f"`{method}` needs a preprocessor to read raw inputs, and this task has none. "
                "Give it one, or pass model inputs to `hypotheses`."
            )

    def complete(self, search: Any = None) -> Any:
        """Returns the search with its `max_length` filled in, and with ids for texts."""
        search = self.search if search is None else search
        longest = getattr(self.preprocessor, "max_target_length", None) or MAX_LENGTH
        return complete_search(search, longest, self.preprocessor, self.limits, self.max_positions)

    def get_config(self):
        return super().get_config() | {"search": search_to_config(self.search)}

    @classmethod
    def from_config(cls, config):
        return super().from_config({**config, "search": search_from_config(config["search"])})
