"""From turns to tokens, with what people typed kept apart from the template.

The chat template is rendered around numbered marks, and the words are put in afterwards, so nothing typed passes
through the template. Words and template are then encoded as one string, exactly as the processor would, but for one
thing: where somebody typed a control token ("</s>", "<image>"), a break is put into it before encoding and taken out
of the tokens afterwards, so that it stays text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...answer import Question

# Noncharacters: Unicode promises never to assign them, so no text means them.
_OPEN, _CLOSE, _BREAK = "\ufdd0", "\ufdd1", "\ufdd2"
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
    """What people typed and the model answered, in the order of the marks; the question itself comes last."""
    words = [part for turn in question.history for part in (turn.question, turn.answer)]
    return [clean(part) for part in (*words, question.text)]


def clean(text: str) -> str:
    """Text that can be encoded: lone surrogates become U+FFFD, and the marks of this module go."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return re.sub(f"[{_OPEN}{_CLOSE}{_BREAK}]", "", whole)


def mark(index: int) -> str:
    """What stands in a rendered template for the `index`-th words."""
    return f"{_OPEN}{index}{_CLOSE}"


def render(processor: Any, turns: int, images: int, answered: bool = False) -> str:
    """The chat template with a mark for each of `turns` questions and the answers between them.

    The images open the first turn. With `answered` the last question has an answer's mark too; without it the
    template ends where the model begins to write.
    """
    messages: list[dict[str, Any]] = []
    marks = 2 * turns - (0 if answered else 1)
    for index in range(marks):
        content: list[dict[str, str]] = [{"type": "image"}] * images if index == 0 else []
        content = [*content, {"type": "text", "text": f"{_OPEN}{index}{_CLOSE}"}]
        messages.append({"role": "assistant" if index % 2 else "user", "content": content})
    rendered = processor.apply_chat_template(messages, add_generation_prompt=not answered, tokenize=False)
    return str(rendered)


def answer_opening(prompt: str, answered: str) -> str:
    """What the template writes between the end of `prompt` and the answer's mark in `answered`; often nothing."""
    if not answered.startswith(prompt):
        return ""
    return answered[len(prompt) :].split(_OPEN)[0]


def control_tokens(tokenizer: Any, template: str) -> re.Pattern[str]:
    """Matches every token that must not come from typed words: special tokens, and those the template writes."""
    names = [
        added.content
        for added in tokenizer.added_tokens_decoder.values()
        if len(added.content) > 1 and not added.content.isspace() and (added.special or added.content in template)
    ]
    return re.compile("|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) or "(?!)")


def defuse(text: str, control: re.Pattern[str]) -> str:
    """`text` with a break inside every control token in it."""
    while control.search(text):
        text = control.sub(lambda match: match[0][0] + _BREAK + match[0][1:], text)
    return text


def encode(tokenizer: Any, rendered: str, words: Sequence[str], control: re.Pattern[str]) -> Prompt:
    """The tokens of a rendered template with `words` in place of its marks."""
    pieces = _MARK.split(rendered)
    text, typed, question = "", bytearray(), (0, 0)
    for index, piece in enumerate(pieces):
        if index % 2 == 0:
            text += piece
            typed.extend(bytes(len(piece)))
            continue
        part = defuse(words[int(piece)], control)
        if int(piece) == len(words) - 1:
            question = (len(text), len(text) + len(part))
        text += part
        typed.extend(b"\1" * len(part))
    opened = tokenizer.bos_token is not None and text.startswith(tokenizer.bos_token)
    # Templates that write their own first token would get two; the rule is the processor's own.
    encoding: Mapping[str, Any] = tokenizer(
        text, add_special_tokens=not opened, return_offsets_mapping=True, truncation=False, verbose=False
    )
    return _without_breaks(tokenizer, text, typed, question, encoding)


def _without_breaks(
    tokenizer: Any, text: str, typed: bytearray, question: tuple[int, int], encoding: Mapping[str, Any]
) -> Prompt:
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
