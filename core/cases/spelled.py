"""What an answer says, without the marks it is written with; and the part of it that it comes to.

Models box their answers, set them in bold, think aloud before them and take them back. A reader skips all that; so does
what judges answers here.
"""

from __future__ import annotations

import re
import unicodedata

_THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.IGNORECASE | re.DOTALL)
_BOX = re.compile(r"\\boxed\s*\{")
_LATEX = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|rm|bf)\s*\{([^{}]*)\}")
_MARKS = re.compile(r"\$|\\[()\[\]]|[*`]+|__+|(?<!\w)_|_(?!\w)|^[ \t]*(?:#+|>)[ \t]*", re.MULTILINE)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_CUE = re.compile(
    r"\b(?:answer|option|choice|solution|conclusion)\b(?:\s+(?:to|for)\s+(?:the|this|that|your)\s+question)?"
    r"\s*(?:\b(?:is|was|would be|must be|should be|has to be)\b\s*[:=]?|[:=])",
    re.IGNORECASE,
)
_CORRECTED = re.compile(
    r"(?:^|[.,;:!?…–—-])\s*(?:(?:but|oh|hmm|no)\b,?\s+)*(?:wait|actually|correction|scratch that|i mean|sorry|rather"
    r"|on second thoughts?|on reflection|let me correct (?:that|myself)|i stand corrected)\b[\s,.:;!–—-]*",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?:[!?]|\.(?!\d))(?=\s|$)|\n")
"""A full stop within a number ends nothing."""


def spelled(said: str) -> str:
    """The text in plain letters: full-width and circled ones as such, without thoughts, LaTeX, Markdown and the commas
    of thousands. What was boxed stands there as an answer of its own."""
    text = unicodedata.normalize("NFKC", _THOUGHT.sub(" ", said))
    while (bare := _LATEX.sub(r"\1", text)) != text:
        text = bare
    text = _unboxed(text)
    text = _TAG.sub(lambda tag: f"\nanswer: {tag.group(1).strip()}\n", text)
    return _THOUSANDS.sub("", _MARKS.sub("", text)).strip()


def conclusion(text: str) -> str | None:
    """What stands after the last "the answer is", to the end of its sentence; None where nothing does."""
    cues = list(_CUE.finditer(text))
    return sentences(text[cues[-1].end() :].lstrip())[0] if cues and text[cues[-1].end() :].strip() else None


def correction(text: str) -> str | None:
    """What stands after the last "wait" or "actually" that opens a clause; None where nothing does."""
    return _CORRECTED.split(text)[-1].strip() or None if _CORRECTED.search(text) else None


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text; one that is empty for an empty text."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()] or [""]


def _unboxed(text: str) -> str:
    """Each box, with the braces within it, as an answer on a line of its own."""
    while box := _BOX.search(text):
        depth, stop = 1, box.end()
        while stop < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[stop], 0)
            stop += 1
        inside = text[box.end() : stop - (depth == 0)]
        text = f"{text[: box.start()]}\nanswer: {inside}\n{text[stop:]}"
    return text
