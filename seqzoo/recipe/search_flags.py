"""Flags of the command line that change a search."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from seqzoo.search import BeamSearch, Sample
from seqzoo.search.constraints import BannedPhrases, NoRepeatNGram

_OF_BEAMS = ("beam", "length_penalty", "alpha", "min_length")
_OF_SAMPLES = ("temperature", "top_k", "top_p", "seed")


class SearchFlags(NamedTuple):
    """The flags by name; None where a flag is not given."""

    beam: int | None = None
    n_best: int | None = None
    length_penalty: str | None = None
    alpha: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    no_repeat_ngram: int | None = None
    ban: list[str] | None = None
    sample: bool | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None

    def given(self) -> set[str]:
        """The names of the flags that are given."""
        return {name for name, value in self._asdict().items() if value is not None}

    def applied_to(self, search: Any, name: str) -> Any:
        """Returns a search with the flags applied, of the kind that they need.

        Args:
            search: None where there is no search, and so there may be no flags.
            name: Of what has the search, for the message of an error.

        Raises:
            ValueError: if there is no search, or the flags contradict each other.
        """
        given = self.given()
        if search is None:
            if given - {"n_best"}:
                flag = min(given - {"n_best"}).replace("_", "-")
                raise ValueError(f"{name} does not search. Leave out --{flag}.")
            return None
        for_samples, for_beams = given & {"sample", *_OF_SAMPLES}, given & {*_OF_BEAMS}
        if for_samples and for_beams:
            one, other = (min(each).replace("_", "-") for each in (for_samples, for_beams))
            raise ValueError(
                f"--{one} is for samples and --{other} for a beam. Leave one of them out."
            )
        if for_samples:
            search = self._sample(search)
        elif for_beams or (self.n_best and not isinstance(search, Sample)):
            search = self._beam(search)
        elif self.n_best:
            search = dataclasses.replace(search, n_samples=self.n_best)
        if self.max_length is not None:
            search = dataclasses.replace(search, max_length=self.max_length)
        return self._constrained(search)

    def _sample(self, search: Any) -> Sample:
        if not isinstance(search, Sample):
            search = Sample(max_length=search.max_length, constraints=search.constraints)
        return dataclasses.replace(search, n_samples=self.n_best or 1, **self._values(_OF_SAMPLES))

    def _beam(self, search: Any) -> BeamSearch:
        if not isinstance(search, BeamSearch):
            search = BeamSearch(max_length=search.max_length, constraints=search.constraints)
        n_best = self.n_best or 1
        width = self.beam or max(search.width, n_best)
        if n_best > width:
            raise ValueError(
                f"--n-best must be at most --beam. Received: --n-best {n_best} --beam {width}. "
                "Widen the beam or request fewer answers."
            )
        options = self._values(_OF_BEAMS[1:])
        return dataclasses.replace(search, width=width, n_best=n_best, **options)

    def _constrained(self, search: Any) -> Any:
        more = () if self.no_repeat_ngram is None else (NoRepeatNGram(self.no_repeat_ngram),)
        more += (BannedPhrases(tuple(self.ban)),) if self.ban else ()
        if not more:
            return search
        return dataclasses.replace(search, constraints=(*search.constraints, *more))

    def _values(self, names: tuple[str, ...]) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}
