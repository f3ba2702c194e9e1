"""What must hold of a server that many used for a while, each as a list of what does not, in sentences."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from core.answer import Answer
from core.runs.pictures import picture_name
from core.runs.store import RunStore

CLOSE = 1e-3
"""Nats between two tokens that are equally probable as far as single precision tells."""
LEVEL = 180.0
"""Seconds after which memory is level: tabs closed by then are forgotten as fast as others come."""
DRIFT = 0.06
"""The share by which the memory of a server in use may move without anything being kept."""
POOLS = re.compile(r"AnyIO worker thread|asyncio_\d+|ThreadPoolExecutor")
"""Threads that a pool keeps for the next work, in a bounded number."""
AT_MOST_IN_POOLS = 60
MARK = re.compile(r"\bs(\d+)q\d+\b")


def marked(question: str, session: int, number: int) -> str:
    """A question that says whose it is."""
    return f"{question} s{session}q{number}"


def whose(text: str) -> int | None:
    """The session that asked this; None where it does not say."""
    found = MARK.search(text)
    return None if found is None else int(found[1])


@dataclass(frozen=True)
class Sample:
    """Resident bytes, so many seconds after the beginning."""

    seconds: float
    bytes: int


def grown(samples: Sequence[Sample], budget: int, room: int) -> list[str]:
    """Where memory went past the budget: beyond what there was when everybody had begun (the first tenth of the time),
    with the `budget` of what is kept and some `room` for work; or where it still rises at the end, which takes four
    times `LEVEL` to tell."""
    end = max(sample.seconds for sample in samples)
    begun = max(sample.bytes for sample in samples if sample.seconds <= 0.1 * end)
    peak = max(sample.bytes for sample in samples)
    wrong = []
    if peak > begun + budget + room:
        wrong.append(f"memory rose from {_mb(begun)} to {_mb(peak)}, and {_mb(budget + room)} more were allowed")
    if end < 4 * LEVEL:
        return wrong
    second = statistics.median(one.bytes for one in samples if 0.25 * end < one.seconds <= 0.5 * end)
    last = statistics.median(one.bytes for one in samples if one.seconds > 0.75 * end)
    if last > second * (1 + DRIFT):
        wrong.append(f"memory still rises: {_mb(second)} in the second quarter, {_mb(last)} in the last")
    return wrong


def threads_left(before: Iterable[str], after: Iterable[str]) -> list[str]:
    """Threads that were not there before; those of pools only where they are too many."""
    left = Counter(map(_plain, after)) - Counter(map(_plain, before))
    pooled = sum(number for name, number in left.items() if POOLS.match(name))
    wrong = [f"{number} x {name}" for name, number in left.items() if not POOLS.match(name)]
    return wrong + ([f"{pooled} threads of pools"] if pooled > AT_MOST_IN_POOLS else [])


def _plain(name: str) -> str:
    return re.sub(r"Thread-\d+", "Thread", name)


def tracebacks(log: str) -> list[str]:
    """The ends of tracebacks in a server's log, and of errors that it told without one."""
    found = [part.strip().splitlines() for part in log.split("Traceback (most recent call last)")[1:]]
    ends = [next((line for line in lines if line and not line.startswith((" ", ":"))), "?") for lines in found]
    return ends + [line for line in log.splitlines() if re.search(r"\b(ERROR|CRITICAL)\b", line)]


def cross_talk(runs: RunStore, pictures: Mapping[int, Image.Image]) -> tuple[list[str], int]:
    """Where a run has questions of several sessions, or a question another session's picture; and how many turns were
    looked at. `pictures` are those of the sessions by their numbers."""
    names = {session: picture_name(image) for session, image in pictures.items()}
    wrong, looked = [], 0
    for info in runs.list():
        if info.manifest is None:
            wrong.append(f"{info.id} is damaged: {info.trouble}")
            continue
        asked = {whose(turn.question) for turn in info.manifest.turns}
        if len(asked) > 1:
            wrong.append(f"{info.id} has questions of {asked}")
        for turn in info.manifest.turns:
            looked += 1
            session = whose(turn.question)
            if session is None or set(turn.pictures) != {names.get(session)}:
                wrong.append(f"{info.id}: {turn.question!r} is about another picture than session {session}'s")
    return wrong, looked


def other_answers(runs: RunStore, again: Callable[[Answer], Answer], most: int) -> tuple[list[str], int]:
    """Where an answer that was kept is not what the model says to its question alone; and how many were asked `again`:
    the last of each run, `most` at most."""
    wrong, compared = [], 0
    for info in runs.list()[:most]:
        with runs.open(info.id, only_look=True) as run:
            answers = [answer for one in run.conversation if (answer := run.turn(one.id, rows=False).answer)]
            if not answers:
                continue
            compared += 1
            if not same(answers[-1], again(answers[-1])):
                wrong.append(f"{info.id}: {answers[-1].question.text!r} was answered {answers[-1].text!r}")
    return wrong, compared


def same(kept: Answer, alone: Answer) -> bool:
    """Whether two answers to one question are the same as far as the first of them got; tokens that are equally
    probable may take each other's place."""
    for own, other in zip(kept.tokens, alone.tokens, strict=False):
        if own.id != other.id:
            return abs(own.logprob - other.logprob) < CLOSE
        if abs(own.logprob - other.logprob) > CLOSE:
            return False
    return len(kept.tokens) == len(alone.tokens) or kept.finish == "stopped"


def curve(samples: Sequence[Sample], file: Path) -> None:
    """Write the samples as a table."""
    rows = [f"{sample.seconds:.0f},{sample.bytes / 1e6:.0f}" for sample in samples]
    file.write_text("\n".join(["seconds,MB", *rows]) + "\n", encoding="ascii")


def _mb(number: float) -> str:
    return f"{number / 1e6:,.0f} MB"
