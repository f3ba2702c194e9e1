"""Which part of each pinned answer is compared: the same unit, against the same rival, as in the first."""

from __future__ import annotations

from ...answer import Answer, Target
from ...charts.tokens import visible
from ...comparison.counterpart import counterpart
from ...comparison.keyword import key_tokens, likely_word
from ...counted import counted
from ...errors import NotComparable
from ...vlm.model import VisionLanguageModel
from ..state.pin import Pin
from ..state.pins import model_of

LONGEST = 60


def own_target(pin: Pin) -> Target:
    """The part of the first answer: the one that was chosen here, or when it was pinned, or else its key word."""
    return pin.chosen or pin.target or Target(key_tokens(pin.answer))


def target_beside(first: Pin, pin: Pin) -> Target:
    """The part of an answer that stands for that of the first. Raises NotComparable where it has none."""
    own = own_target(first)
    if pin.id == first.id:
        return own
    if not pin.answer.words():
        return Target(tuple(range(len(pin.answer.tokens))))
    taken = counterpart(first.answer, own, pin.answer, word_of(first, pin))
    if own.rivals is None or pin.answer.model == first.answer.model:
        return taken
    return Target(taken.tokens, _rivals(first, own, pin, taken))


def word_of(first: Pin, pin: Pin) -> tuple[int, ...]:
    """The word that is compared: the one that was chosen, or else that which reads as the first one's."""
    if pin.chosen is not None and pin.chosen.tokens in pin.answer.words():
        return pin.chosen.tokens
    return likely_word(pin.answer, spelled(first.answer, own_target(first).tokens))


def whole(first: Pin) -> bool:
    """Whether the whole first answer is compared, and so the whole of each."""
    return len(own_target(first).tokens) == len(first.answer.tokens) > 1


def spelled(answer: Answer, tokens: tuple[int, ...]) -> str:
    """Tokens as they are written."""
    return "".join(answer.tokens[index].text for index in tokens)


def named(answer: Answer, target: Target, model: VisionLanguageModel | None) -> str:
    """A target in words, also where its model is not loaded. Untrusted text."""
    text = spelled(answer, target.tokens).strip() or " ".join(answer.tokens[index].label for index in target.tokens)
    shown = visible(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")
    if len(target.tokens) == len(answer.tokens) > 1:
        said = f"the whole answer ({counted(len(answer.tokens), 'token')})"
    else:
        first, last = target.tokens[0] + 1, target.tokens[-1] + 1
        where = f"token {first}" if first == last else f"tokens {first} to {last}"
        said = f"“{shown}” ({where} of {len(answer.tokens)})"
    if target.rivals is None:
        return said
    texts = [_text(answer, index, rival, model) for index, rival in zip(target.tokens, target.rivals, strict=True)]
    rather = "another word" if None in texts else f"“{visible(''.join(text or '' for text in texts))}”"
    return f"{said} rather than {rather}"


def _rivals(first: Pin, own: Target, pin: Pin, taken: Target) -> tuple[int, ...]:
    """The rivals in the vocabulary of another model: tokens of the same text. Raises NotComparable."""
    assert own.rivals is not None
    rivals = []
    for mine, rival, theirs in zip(own.tokens, own.rivals, taken.tokens, strict=True):
        text = _text(first.answer, mine, rival, model_of(first))
        model = model_of(pin)
        known = {other.text: other.id for other in pin.answer.tokens[theirs].alternatives}
        if text is not None and text in known:
            rivals.append(known[text])
        elif text is not None and model is not None and model.reader.piece(rival) == text:
            rivals.append(rival)
        else:
            raise NotComparable(
                "Another model gave this answer, and it did not weigh the word that the target of the first is "
                "contrasted with. Choose a target without “rather than” for the first."
            )
        if rivals[-1] == pin.answer.tokens[theirs].id:
            raise NotComparable(
                "This answer says the very word that the target of the first is contrasted with. Choose a target "
                "without “rather than” for the first."
            )
    return tuple(rivals)


def _text(answer: Answer, index: int, id_: int, model: VisionLanguageModel | None) -> str | None:
    """The text of a token that was not said; None where nothing here knows it."""
    known = next((other.text for other in answer.tokens[index].alternatives if other.id == id_), None)
    if known is None and model is not None:
        return model.reader.piece(id_)
    return known
