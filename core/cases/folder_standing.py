"""How methods stand on the cases of a folder, and whom to recommend for the model that was asked.

The deciding metrics are those of the league, as far as the folder can have them: without masks nobody knows the right
place. What follows a click is told in passes of the model over the question and its answer, for seconds are of a
machine and a model: `PASSES` of them, which on the embedded model are about the 0.3 s of the league on drawn streets
(one takes 0.045 s of a processor there).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from ..counted import counted
from ..evidence.registry import map_metrics
from ..statistics.bootstrap import mean
from ..statistics.estimate import Estimate
from .case import Case
from .journal import Record
from .plain import plain
from .ranking import DECIDING, TIE_BREAK, League, MethodRank, goodness, judged, may_lead, ranking

PASSES = 8.0
FEW = 30
"""Scored cases below which the order of methods may well be chance."""
WITHOUT_PLACE = "comprehensiveness"
"""What decides between equals where no case has a mask."""


@dataclass(frozen=True)
class FolderLeague:
    """`league` as on drawn streets, with ranks over the deciding metrics that there are figures of. `set_of_cases` and
    `folder` are what was asked, `sample` cases of its `cases`. `scored` were answered right, `wrong` not, of which
    `not_understood` by any rule; `problems` could not be scored, and `why`. Of those scored `masked` have a mask that
    marks something, `nowhere` one that marks nothing. `passes` is what a map of each method takes in passes of the
    model (median), `evenness` over what share of the patches it is spread where nothing is marked."""

    league: League
    set_of_cases: str
    folder: str
    seed: int
    cases: int
    sample: int
    scored: int
    wrong: int
    not_understood: int
    problems: int
    masked: int
    nowhere: int
    rule: str
    why: str = ""
    passes: Mapping[str, float] = field(default_factory=dict)
    evenness: Mapping[str, Estimate] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """On what it stands, in a sentence or two."""
        masks = f", {self.masked:,} with a mask" if self.masked else ", none with a mask"
        empty = f" and {self.nowhere:,} of pictures without evidence" if self.nowhere else ""
        few = f" With fewer than {FEW} the order may well be chance." if 0 < self.scored < FEW else ""
        return f"{counted(self.scored, 'case')} of {self.name}{masks}{empty}.{few}"

    @property
    def quick(self) -> float:
        """Below how many seconds a map follows a click: `PASSES` of this model, as its own maps took them."""
        took = [
            row.processor / self.passes[row.method]
            for row in self.league.ranking
            if row.processor and self.passes.get(row.method)
        ]
        return PASSES * float(np.median(took)) if took else PASSES

    @property
    def name(self) -> str:
        """What the set is called."""
        return self.folder.rstrip("/\\").replace("\\", "/").rpartition("/")[2] or self.set_of_cases

    def record(self, command: str) -> Record:
        """As plain values for a JSON file, readable as a league's too."""
        about = {name: value for name, value in asdict(self).items() if name != "league"}
        values = {**self.league.record(command), **about}
        return plain(values)


def standing(header: Record, records: Sequence[Record], sample: Sequence[Case], cases: int) -> FolderLeague:
    """The league of a journal's header and lines, those of the sample's cases alone."""
    by_case: dict[str, list[Record]] = defaultdict(list)
    for line in records:
        by_case[line["case"]].append(line)
    latest = {case: lines for case, lines in by_case.items() if any("problem" not in line for line in lines)}
    kept = [line for lines in latest.values() for line in lines if line["method"] or "problem" not in line]
    wrong = [lines[-1] for lines in latest.values() if all(line["method"] is None for line in lines)]
    scored = [lines for lines in latest.values() if any("figures" in line for line in lines)]
    problems = [lines[-1] for case, lines in by_case.items() if case not in latest]
    league = ranking(header, kept)
    deciding = tuple(key for key in DECIDING if any(_known(row, key) for row in league.ranking if not row.control))
    passes = _passes(kept, str(header.get("about", {}).get("device", "cpu")))
    rows = _ordered(league.ranking, deciding)
    rule = _rule(deciding)
    return FolderLeague(
        league=replace(league, ranking=tuple(rows), recommended=_recommended(rows, passes)),
        set_of_cases=str(header.get("set", "")),
        folder=str(header.get("about", {}).get("folder", "")),
        seed=int(header.get("seed", 0)),
        cases=cases,
        sample=len(sample),
        scored=len(scored),
        wrong=len(wrong),
        not_understood=sum(not line.get("understood", True) for line in wrong),
        problems=len(problems),
        masked=sum(lines[-1].get("place") == "somewhere" for lines in scored),
        nowhere=sum(lines[-1].get("place") == "nowhere" for lines in scored),
        rule=rule,
        why=str(problems[0]["problem"]) if problems else "",
        passes=passes,
        evenness=_evenness(kept),
    )


def judged_anew(of: FolderLeague) -> FolderLeague:
    """The same with what the known cause that comes along now says of its methods, and whom the rule recommends."""
    league = judged(of.league)
    return replace(of, league=replace(league, recommended=_recommended(league.ranking, of.passes)))


def _rule(deciding: Sequence[str]) -> str:
    named = [map_metrics()[key].name.lower() for key in deciding] or ["the deciding metrics"]
    joined = " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))
    place = "" if "pointing" in deciding else " No case has a mask, so nothing is said of the right place."
    between = map_metrics()[_tie_break(deciding)].name.lower()
    return (
        f"The best mean rank in {joined} among the methods whose map takes less than {PASSES:g} passes of this model "
        "(median) and which do not fail to tell a model that looks from one that does not on a known cause; "
        f"{between} decides between equals. Only answers that are right are scored.{place} Where a mask "
        "marks nothing (no evidence in the picture), pointing, energy and soft IoU have no figure, and evenness says "
        "over what share of the patches a map is spread."
    )


def _tie_break(deciding: Sequence[str]) -> str:
    return TIE_BREAK if "pointing" in deciding else WITHOUT_PLACE


def _known(row: MethodRank, metric: str) -> bool:
    return not math.isnan(row.figures[metric].value)


def _ordered(rows: Sequence[MethodRank], deciding: Sequence[str]) -> list[MethodRank]:
    """The rows with mean ranks over the metrics that there are figures of, best first and controls last."""
    ranked = [
        row if row.control or not deciding else replace(row, mean_rank=float(np.mean([row.ranks[k] for k in deciding])))
        for row in rows
    ]
    between = _tie_break(deciding)
    return sorted(ranked, key=lambda row: (row.control, not row.cases, row.mean_rank or 0.0, -goodness(row, between)))


def _recommended(rows: Sequence[MethodRank], passes: Mapping[str, float]) -> str | None:
    """By the rule; what fails the known cause that comes along is recommended to nobody."""
    quick = [row for row in rows if may_lead(row) and passes.get(row.method, math.inf) < PASSES]
    return quick[0].method if quick else None


def _passes(records: Sequence[Record], device: str) -> dict[str, float]:
    """What a map takes by method, in passes over the same case (median): by the processor's time, and on a card, which
    has none, by the clock."""
    place, name = (0, "processor") if device.startswith("cpu") else (1, "seconds")
    ratios: dict[str, list[float]] = defaultdict(list)
    for line in records:
        one, took = line.get("pass"), line.get(name)
        if isinstance(one, list) and len(one) == 2 and one[place] and isinstance(took, int | float):
            ratios[line["method"]].append(max(took, 0.0) / one[place])
    return {method: float(np.median(values)) for method, values in ratios.items()}


def _evenness(records: Sequence[Record]) -> dict[str, Estimate]:
    values: dict[str, list[float]] = defaultdict(list)
    for line in records:
        if line.get("place") == "nowhere" and line.get("evenness") is not None:
            values[line["method"]].append(float(line["evenness"]))
    return {method: mean(each) for method, each in values.items()}
