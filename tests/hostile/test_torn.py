"""A long command that was killed at any moment, and is given again, ends as one that nobody disturbed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import pytest

from core.cases import flips, survey
from core.cases.case import Case
from core.cases.flips import SceneAtRadius, SceneFlips, flip_table
from core.cases.journal import Record
from core.cases.league import run_league
from core.cases.plain import plain
from core.cases.results import Result
from core.cases.runner import run_cases
from core.cases.scoring import is_right, understood
from core.cases.street import street_cases
from core.causal.rates import NeighbourPrecision
from core.claims import run as claims_run
from core.claims.claim import Conclusion
from core.claims.run import run_claims
from core.vlm.hf.network import TransformersModel
from core.workers.base import Workers
from tests.hostile.journals import torn

METHODS = ("raw_attention", "suffix_relevancy")
WIDTH = 2
"""Pieces of work of each command."""


@dataclass
class Done:
    """What was worked on, by name; each piece gives what its name gives."""

    pieces: list[str] = field(default_factory=list)

    def numbers(self, name: str) -> random.Random:
        self.pieces.append(name)
        return random.Random(name)


class Pretended(Workers):
    """Workers who compute nothing: `give` makes the result of an item."""

    def __init__(self, model: TransformersModel, give: Callable[[Any], Any]) -> None:
        self.card, self._give = model.card, give

    def each(self, begin: Any, items: Any, cancel: Any = None) -> Iterator[Any]:
        return map(self._give, items)


def cases_run(model: TransformersModel, file: Path, done: Done) -> object:
    def answered(one: Any) -> Result:
        drawn, case = done.numbers(one.case.id), one.case
        about = {"number": one.number, "key": case.fingerprint(), "question": case.question}
        # As it is read, or else it would be judged again when the run goes on.
        read = {"said": "dog", "understood": understood(case, "dog"), "right": is_right(case, "dog")}
        return Result(case.id, **about, **read, expected=case.expected, logprob=-drawn.random())

    cases = [Case(str(number), f"What is {number}?", ("dog",), "contains") for number in range(WIDTH)]
    results = run_cases(Pretended(model, answered), cases, file, name="own").results
    return sorted((asdict(result) for result in results), key=lambda result: result["id"])


def league(model: TransformersModel, file: Path, done: Done) -> object:
    def scored(task: Any) -> list[Record]:
        about = {"case": task.case.id, "family": task.case.about["family"], "said": "red"}
        drawn = random.Random(task.case.id)
        done.pieces.append(task.case.id)
        lines = []
        for method in METHODS:
            value = drawn.random()
            if method in task.methods:
                figures = {"deletion": {"value": value, "half": None}}
                lines.append({**about, "method": method, "figures": figures, "seconds": value, "processor": value})
        return lines

    return run_league(Pretended(model, scored), file, WIDTH, METHODS, ("object colour",)).record("")


def surveys(model: TransformersModel, file: Path, done: Done) -> object:
    def surveyed(model: object, case: Case, cancel: object) -> Record:
        drawn = done.numbers(case.id)
        rest = {"contradictions": drawn.random(), "image_share": drawn.random(), "dependence": None}
        return {"id": case.id, "family": case.about["family"], "phrasings": 2, **rest}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(survey, "_surveyed", surveyed)
        lines = survey.survey(model, list(street_cases(WIDTH, ("truck door",))), file)
        return [asdict(line) for line in lines]


def flip_rates(model: TransformersModel, file: Path, done: Done) -> object:
    def measured(model: object, case: Case, *more: Any) -> SceneFlips:
        drawn = done.numbers(case.id)
        rates = [drawn.random() for _ in fields(SceneAtRadius)][5:]
        rows = tuple(SceneAtRadius(radius, 9, 1, 1, 30, *rates) for radius in flips.RADII)
        return SceneFlips(9, rows, NeighbourPrecision(**{each.name: 1 for each in fields(NeighbourPrecision)}))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flips, "_measured", measured)
        return asdict(flip_table(model, WIDTH, file=file))


class Coloured:
    """A claim about numbers."""

    key, settings, scenes, shown, problem = "coloured", {"top": 3}, WIDTH, 0, None

    def subjects(self) -> Iterator[tuple[str, int]]:
        return ((f"scene {number}", number) for number in range(WIDTH))

    def conclude(self, values: list[Any]) -> Conclusion:
        return Conclusion({}, f"the numbers are {values}", ())


def claims(model: TransformersModel, file: Path, done: Done) -> object:
    def measured(task: Any) -> Any:
        value = done.numbers(task.name).random()
        about = dict(zip(("claim", "settings", "subject"), task.key, strict=True))
        return claims_run._Measured(
            task, plain({**about, "seconds": value, "processor": value, "values": {"share": value}})
        )

    def reported(claim: Coloured, lines: list[Record], wanted: int, *more: Any) -> Any:
        class Told:
            seconds = sum(line["seconds"] for line in lines)
            processor = seconds
            because = claim.conclude([line["values"] for line in lines]).because

        return Told

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims_run, "claims_named", lambda keys: {"coloured": Coloured()})
        patch.setattr(claims_run, "reported", reported)
        results = run_claims(Pretended(model, measured), file, WIDTH)
        return [(report.because, report.seconds) for report in results.reports], results.seconds


COMMANDS = {"cases run": cases_run, "league": league, "survey": surveys, "flips": flip_rates, "claims": claims}


@pytest.mark.parametrize("name", COMMANDS)
def test_whatever_is_left_of_a_journal_the_same_command_ends_the_same(
    name: str, llava: TransformersModel, tmp_path: Path
) -> None:
    command, whole, left = COMMANDS[name], tmp_path / "whole.jsonl", tmp_path / "left.jsonl"
    undisturbed = Done()
    wanted = _told(command(llava, whole, undisturbed))
    content = whole.read_bytes()
    assert len(undisturbed.pieces) == WIDTH < len(content.splitlines())
    for beginning in torn(content):
        left.write_bytes(beginning)
        kept = max(0, beginning.count(b"\n") - 1)
        again = Done()
        assert _told(command(llava, left, again)) == wanted, beginning
        # (of a league, a case of which some methods are finished is begun again for the others)
        assert len(again.pieces) == WIDTH - kept // ((content.count(b"\n") - 1) // WIDTH), beginning
        assert _lines(left.read_bytes()) == _lines(content), beginning


def _told(result: object) -> str:
    return json.dumps(plain(result), sort_keys=True)


def _lines(content: bytes) -> list[Record]:
    """Without the header's account of when it was begun."""
    header, *lines = map(json.loads, content.splitlines())
    return [{**header, "about": None}, *lines]
