"""A result with all that a report says of it: the answer, what the result is of, and how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..answer import Answer, Target
from ..charts.tokens import visible
from ..runs.codec.answers import ids_of
from ..vlm.targets import TokenTarget
from .code import CannotBeWritten

LONGEST_NAMED = 80


@dataclass(frozen=True, eq=False)
class Case:
    """`result` of a kind about `answer`; `about` is what decides it, as the run keeps it: plain values, dataclasses as
    mappings of their fields. `seconds` is what it took, where that is known."""

    answer: Answer
    result: Any
    about: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None

    @cached_property
    def target(self) -> Target | None:
        """What it is about of the answer; None where it is about all of it, or where that is not kept."""
        own = getattr(self.result, "target", None)
        if isinstance(own, Target):
            return own
        return target_in(self.about) or self._said

    def wanted(self, name: str) -> Any:
        """Something that decides the result. Raises CannotBeWritten where it is not kept."""
        if name not in self.about:
            raise CannotBeWritten(
                f"It is not kept with the result with which {name.replace('_', ' ')} it was computed."
            )
        return self.about[name]

    @property
    def wanted_target(self) -> Target:
        """The target. Raises CannotBeWritten where it is not kept."""
        if self.target is None:
            raise CannotBeWritten("It is not kept with the result for which words of the answer it was computed.")
        return self.target

    @property
    def target_words(self) -> str:
        """The target in words. Untrusted text."""
        asked = token_targets_in(self.about)
        if self.target is not None or not asked:
            return named(self.answer, self.target)
        word = visible(words_of(self.answer).get(asked[0].token, f"[{asked[0].token}]"))
        return f"“{word}” in the place of {named(self.answer, Target((asked[0].index,)))}"

    @property
    def map_settings(self) -> Mapping[str, Any]:
        """The settings of the map that was tested. Raises CannotBeWritten where they are not kept."""
        kept = self.wanted("map_settings")
        try:
            return dict(kept)
        except (TypeError, ValueError) as error:
            raise CannotBeWritten("It is not kept with which settings the map was made.") from error

    @property
    def _said(self) -> Target | None:
        """The target whose single tokens are kept; None where one is of a word that was not said."""
        asked = token_targets_in(self.about)
        tokens = self.answer.tokens
        if not asked or any(not 0 <= one.index < len(tokens) or tokens[one.index].id != one.token for one in asked):
            return None
        rivals = tuple(one.rival for one in asked if one.rival is not None)
        return Target(tuple(one.index for one in asked), rivals if len(rivals) == len(asked) else None)


def target_in(about: Mapping[str, Any]) -> Target | None:
    """The target that is kept among what decides a result; None where none is."""
    kept = about.get("target")
    if isinstance(kept, Target):
        return kept
    if not isinstance(kept, Mapping) or not isinstance(kept.get("tokens"), list | tuple) or not kept["tokens"]:
        return None
    rivals = kept.get("rivals")
    try:
        return Target(tuple(map(int, kept["tokens"])), None if rivals is None else tuple(map(int, rivals)))
    except (TypeError, ValueError):
        return None


def token_targets_in(about: Mapping[str, Any]) -> tuple[TokenTarget, ...]:
    """The single tokens that are kept among what decides a result; none where none are."""
    try:
        return tuple(
            one
            if isinstance(one, TokenTarget)
            else TokenTarget(int(one["index"]), int(one["token"]), _id(one["rival"]))
            for one in about.get("token_targets") or ()
        )
    except (TypeError, ValueError, KeyError):
        return ()


def _id(value: Any) -> int | None:
    return None if value is None else int(value)


def named(answer: Answer, target: Target | None) -> str:
    """A target in words: “ open” (token 9 of 10) rather than “ closed”. Untrusted text."""
    if target is None or not all(0 <= index < len(answer.tokens) for index in target.tokens):
        return "the answer"
    said = "".join(answer.tokens[index].text for index in target.tokens).strip()
    said = said or " ".join(answer.tokens[index].label for index in target.tokens).strip()
    shown = visible(said if len(said) <= LONGEST_NAMED else f"{said[:LONGEST_NAMED]}…")
    numbers = [index + 1 for index in target.tokens]
    some = ", ".join(map(str, numbers[:6])) + (" …" if len(numbers) > 6 else "")
    where = f"token{'s' if len(numbers) > 1 else ''} {some} of {len(answer.tokens)}"
    return f"“{shown}” ({where}){_rather(answer, target)}"


def _rather(answer: Answer, target: Target) -> str:
    """The rivals in words, as far as the model weighed them; by their numbers where it did not."""
    if target.rivals is None:
        return ""
    texts = words_of(answer)
    return f" rather than “{visible(''.join(texts.get(rival, f'[{rival}]') for rival in target.rivals))}”"


def words_of(answer: Answer) -> dict[int, str]:
    """The text of every token that an answer names, by its id: of the answer, of what was weighed beside it, and of the
    prompt. Untrusted text."""
    known = dict(zip(ids_of(answer), answer.prompt_tokens, strict=False))
    for token in answer.tokens:
        known.update({other.id: other.text for other in token.alternatives})
        known[token.id] = token.text
    return known
