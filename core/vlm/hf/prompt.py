"""From turns to tokens, with what people typed kept apart from the template.

The chat template is rendered around numbered marks, and the words are put in afterwards, so nothing typed passes
through the template. Words and template are then encoded as one string, exactly as the processor would, but for one
thing: where typed words became a control token ("</s>", "<image>"), a break is put into it before encoding again and
taken out of the tokens afterwards, so that it stays text. Tokens are judged by their ids (`markers.py`), so that it
does not matter how a tokenizer came by them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...answer import Question
from ...errors import MisplacedImage, TemplateRefuses
from .template import rendered

# Noncharacters: Unicode promises never to assign them, so no text means them.
_OPEN, _CLOSE, _BREAK = "\ufdd0", "\ufdd1", "\ufdd2"
_REPLACED = "\ufffd"
_DIVIDERS = (_BREAK, _BREAK, " ", _REPLACED)
"""What divides typed control tokens, one after the other where those before did not help: normalisers drop breaks."""
_MARK = re.compile(f"{_OPEN}(\\d+){_CLOSE}")


@dataclass(frozen=True)
class Prompt:
    """A prompt in tokens. `typed` is true where a token holds typed characters (question or history);
    `question_start` is the first position of the current question's words; `tokens` joined give the prompt."""

    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    typed: tuple[bool, ...]
    question_start: int


def typed_words(question: Question) -> list[str]:
    """What people typed and the model answered, in the order of the marks: the first question in the parts into which
    its images cut it. The question itself, or its last part, is the last."""
    earlier = [part for turn in question.history for part in (turn.question, turn.answer)]
    later = [*earlier[1:], question.text] if earlier else []
    first = [part for part in question.first_parts if part] or [""]
    return [clean(part) for part in (*first, *later)]


def clean(text: str) -> str:
    """Text that can be encoded: lone surrogates become U+FFFD, and the marks of this module go."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return re.sub(f"[{_OPEN}{_CLOSE}{_BREAK}]", "", whole)


def mark(index: int) -> str:
    """What stands in a rendered template for the `index`-th words."""
    return f"{_OPEN}{index}{_CLOSE}"


def render(processor: Any, question: Question, name: str, answered: bool = False) -> str:
    """The chat template of the model `name` with a mark for each of the question's `typed_words`.

    Pictures and videos stand in the first turn, where the question puts them. With `answered` the question has an
    answer's mark too; without it the template ends where the model begins to write. Raises MisplacedImage where the
    template does not keep to the places of the images, TemplateRefuses where it does not take the conversation.
    """
    first = _first_content(question)
    marks = sum(part["type"] == "text" for part in first)
    later = [[_text(index)] for index in range(marks, len(typed_words(question)) + answered)]
    messages = [
        {"role": "assistant" if index % 2 else "user", "content": content}
        for index, content in enumerate([first, *later])
    ]
    text = rendered(processor, messages, name, answered=answered)
    if mark(len(typed_words(question)) - 1) not in text:
        raise TemplateRefuses(
            f"The chat template of {name} has no place for the words of a question, so the model would not read it. "
            "Choose a version whose template has one, or another model."
        )
    if question.images_at:
        messages[0] = {"role": "user", "content": [part for part in first if part["type"] == "text"]}
        bare = rendered(processor, messages, name, answered=answered)
        # Many templates write all images of a turn before its words: then these are followed by the same without them.
        followed = slice(1, marks + (first[-1]["type"] != "text"))
        with_images, without = (_MARK.split(text)[::2][followed] for text in (text, bare))
        if any(one == other for one, other in zip(with_images, without, strict=True)):
            raise MisplacedImage(
                "This model's chat template puts every picture before the words, wherever it stands in the question. "
                "Leave out the places of the pictures, and name them in words."
            )
    return text


def _first_content(question: Question) -> list[dict[str, str]]:
    """Pictures, videos and marks of the first turn, in their order: one mark for each part that has words, and at least
    one."""
    content: list[dict[str, str]] = []
    parts, visuals = question.first_parts, question.visuals
    marks = 0
    for number, part in enumerate(parts):
        if part or (number == len(parts) - 1 and not marks):
            content.append(_text(marks))
            marks += 1
        if number < len(visuals):
            content.append({"type": "image" if isinstance(visuals[number], int) else "video"})
    return content


def _text(index: int) -> dict[str, str]:
    return {"type": "text", "text": mark(index)}


def answer_opening(prompt: str, answered: str) -> str:
    """What the template writes between the end of `prompt` and the answer's mark in `answered`; often nothing."""
    if not answered.startswith(prompt):
        return ""
    return answered[len(prompt) :].split(_OPEN)[0]


def encode(tokenizer: Any, rendered: str, words: Sequence[str], control: frozenset[int]) -> Prompt:
    """The tokens of a rendered template with `words` in place of its marks, none of which becomes a `control` token."""
    filled = _filled(rendered, words)
    for divider in (*_DIVIDERS, None):
        opened = tokenizer.bos_token is not None and _opened(filled.text, tokenizer.bos_token)
        # Templates that write their own first token would get two; the rule is the processor's own.
        encoding: Mapping[str, Any] = tokenizer(
            filled.text, add_special_tokens=not opened, return_offsets_mapping=True, truncation=False, verbose=False
        )
        pairs = zip(encoding["input_ids"], encoding["offset_mapping"], strict=True)
        spans = [filled.stripped(*span) for token, span in pairs if token in control]
        typed = [span for span in spans if any(filled.typed[slice(*span)])]
        if not typed or divider is None:
            break
        filled = filled.divided(typed, divider)
    return _without_breaks(tokenizer, filled, encoding)


def _opened(text: str, first: str) -> bool:
    """Whether a text has its first token already, perhaps after a row of image tokens."""
    return re.match(rf"((<[^<>]+>)\2*)?{re.escape(first)}", text) is not None


@dataclass(frozen=True)
class _Filled:
    """A template with words in it, which of its characters are typed, and where the question's begin and end."""

    text: str
    typed: bytes
    question: tuple[int, int]

    def stripped(self, left: int, right: int) -> tuple[int, int]:
        """A span without the white space at its ends, which a template's token may take from typed words."""
        inside = self.text[left:right]
        return left + len(inside) - len(inside.lstrip()), right - len(inside) + len(inside.rstrip())

    def divided(self, spans: Sequence[tuple[int, int]], divider: str) -> _Filled:
        """The same with a divider in each of some spans, which do not overlap; what cannot be divided is replaced."""
        text, typed, question = self.text, self.typed, self.question
        for left, right in sorted(spans, reverse=True):
            first = typed.index(1, left)
            at = until = max(left + 1, first)
            between = divider
            if at >= right or divider == _REPLACED:
                at, until, between = first, right, _REPLACED
            more = len(between) - (until - at)
            text, typed = text[:at] + between + text[until:], typed[:at] + b"\1" * len(between) + typed[until:]
            question = (question[0] + more * (at < question[0]), question[1] + more * (at < question[1]))
        return _Filled(text, typed, question)


def _filled(rendered: str, words: Sequence[str]) -> _Filled:
    """A rendered template with `words` in place of its marks."""
    pieces = _MARK.split(rendered)
    text, typed, question = "", bytearray(), (0, 0)
    for index, piece in enumerate(pieces):
        is_typed = index % 2 == 1
        part = words[int(piece)] if is_typed else piece
        if is_typed and int(piece) == len(words) - 1:
            question = (len(text), len(text) + len(part))
        text += part
        typed.extend((b"\1" if is_typed else b"\0") * len(part))
    return _Filled(text, bytes(typed), question)


def _without_breaks(tokenizer: Any, filled: _Filled, encoding: Mapping[str, Any]) -> Prompt:
    text, typed, question = filled.text, filled.typed, filled.question
    ids: list[int] = []
    tokens: list[str] = []
    marked: list[bool] = []
    start: int | None = None
    done = 0
    for token, (left, right) in zip(encoding["input_ids"], encoding["offset_mapping"], strict=True):
        span = text[left:right]
        if span and not span.strip(_BREAK):
            continue
        if start is None and right > left and right > question[0] and left < question[1]:
            start = len(ids)
        ids.append(token)
        marked.append(any(typed[left:right]))
        if left == right == 0:
            tokens.append(str(tokenizer.convert_ids_to_tokens(token)))
        else:
            tokens.append(text[done : max(done, right)].replace(_BREAK, ""))
            done = max(done, right)
    return Prompt(tuple(ids), tuple(tokens), tuple(marked), len(ids) if start is None else start)
