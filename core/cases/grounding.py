"""Which heads look where the thing is, over the cases of a folder with masks.

Of every right answer's key word each head's attention row is held against the mask: the share of its attention to the
picture that lies on marked pixels (*pointing*), how much it looks at the picture at all, and the spatial entropy of the
two criteria of Kang et al. 2025. Then the heads that point best are taken away, one by one, in every case: what the key
word's log-probability loses. One finished case is one line of a journal, and one more for its ablations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ..answer import Answer, Decoding, Head
from ..attention.rows import answer_rows
from ..errors import ExplainError, NotApplicable, QuestionError, UnreadableImage
from ..evidence.location import marked_in
from ..evidence.ranking import places
from ..explainers.localisation import MOST, by_criteria, elbow, heads_in, heads_text, spatial_entropy
from ..mechanisms.ablation import without_heads
from ..statistics.bootstrap import mean
from ..statistics.estimate import Estimate, nothing
from ..vlm.cancel import Cancelled, CancelToken
from ..vlm.generation import ask
from ..vlm.model import VisionLanguageModel
from ..workers.base import Workers, workers_of
from .case import Case
from .folder_league import case_key, sampled
from .journal import Journal, Record
from .key_word import became, key_target
from .plain import plain
from .score_case import LONGEST_ANSWER
from .scoring import is_right

KIND = "grounding heads"
CASES = 100
TRIED = 12
"""Heads that are taken away, one by one: those that point best."""
Figures = Float[np.ndarray, "layers heads"]


@dataclass(frozen=True)
class HeadFigure:
    """One head over the cases: `pointing` is the mean share of its attention to the picture that lies on the mask,
    `looks` what of all its attention lies on the picture, `entropy` the spatial entropy (nats), `chosen` the share of
    the cases in which the two criteria of the paper alone choose it, `ablated` the mean change of the key word's
    log-probability without it (nats; NaN where that was not tried)."""

    layer: int
    head: int
    pointing: Estimate
    looks: float
    entropy: float
    chosen: float
    ablated: Estimate

    @property
    def named(self) -> Head:
        return self.layer, self.head


@dataclass(frozen=True)
class GroundingHeads:
    """Every head of a model, those that point best first. `area` is the share of the picture that masks cover on
    average, which a head that looks everywhere alike has; `threshold` what a head must look at the picture. `grounding`
    are the heads to sum, as a text, by `RULE`. `scored` cases of `sample` were answered right and have a mask."""

    model: str
    model_name: str
    set_of_cases: str
    folder: str
    seed: int
    sample: int
    scored: int
    area: float
    threshold: float
    heads: tuple[HeadFigure, ...]
    grounding: str

    @property
    def chosen(self) -> tuple[Head, ...]:
        """The heads to sum."""
        return heads_in(self.grounding)


RULE = (
    f"The {MOST} heads whose attention to the picture lies most on the mask, among those that look at the picture "
    "(above the elbow of the attention sums) and whose interval lies above the mask's share of the picture."
)


def find_heads(
    who: VisionLanguageModel | Workers,
    cases: Sequence[Case],
    out_file: Path,
    *,
    name: str,
    folder: str = "",
    number: int = CASES,
    seed: int = 0,
    progress: Callable[[float], None] = lambda done: None,
    cancel: CancelToken | None = None,
) -> GroundingHeads:
    """Hold every head of a model against the masks of a set's cases, appending to `out_file`. Goes on with a file that
    the same model began on this set with this seed. Stopped by `cancel`, tells what is there so far. Raises
    JournalError (OtherRun), WorkersUnavailable, and NotApplicable where no case has a picture, a known answer and a
    mask."""
    marked = [case for case in cases if case.mask is not None and (case.mask.file or case.mask.shapes)]
    if not marked:
        raise NotApplicable(
            "No case has a mask, so it is not known where heads should look. Add a column mask to the table (a "
            "picture, boxes or polygons)."
        )
    sample = sampled(marked, number, seed)
    workers = workers_of(who)
    identity = {"model": workers.card.fingerprint, "set": name, "seed": seed}
    with Journal(out_file, KIND, identity, {"model_name": workers.card.name, "folder": folder}) as journal:
        keys = {case.id: case_key(case) for case in sample}
        steps = 2 * len(sample)
        done = 0

        def current() -> dict[str, Record]:
            """What is known of each case as it is now: the latest of each field."""
            known: dict[str, Record] = {}
            for line in journal.records:
                if keys.get(str(line.get("case"))) == line.get("key"):
                    known.setdefault(line["case"], {}).update(line)
            return known

        def through(begin: Callable[..., Callable[[_Task], Record]], waiting: Iterator[_Task]) -> None:
            nonlocal done
            for line in workers.each(begin, waiting, cancel):
                journal.append(line)
                done += 1
                progress(min(1.0, done / steps))

        with suppress(Cancelled):
            known = current()
            wanted = [case for case in sample if not {"pointing", "wrong"} & set(known.get(case.id, {}))]
            done = len(sample) - len(wanted)
            through(_looking, (_Task(case, keys[case.id]) for case in wanted))
            known = current()
            tried = [row.named for row in _rows(list(known.values()))[:TRIED]]
            right = [case for case in sample if "pointing" in known.get(case.id, {})]
            missing = {
                case.id: tuple(one for one in tried if heads_text([one]) not in known[case.id].get("ablated", {}))
                for case in right
            }
            done = steps - sum(bool(missing[case.id]) for case in right)
            waiting = (_Task(case, keys[case.id], missing[case.id]) for case in right if missing[case.id])
            through(partial(_ablating, {case.id: known[case.id].get("ablated", {}) for case in right}), waiting)
            progress(1.0)
        return _standing(journal.header, list(current().values()), len(sample))


@dataclass(frozen=True)
class _Task:
    """A case, and the heads to take away."""

    case: Case
    key: str
    heads: tuple[Head, ...] = ()

    def __str__(self) -> str:
        return self.case.id


def _looking(model: VisionLanguageModel, cancel: CancelToken | None) -> Callable[[_Task], Record]:
    """Finds where every head looks in a case."""

    def look(task: _Task) -> Record:
        about: Record = {"case": task.case.id, "key": task.key}
        try:
            answer = _asked(model, task.case, cancel)
            if not is_right(task.case, answer.text):
                return {**about, "wrong": answer.text}
            return {**about, **plain(_looks(task.case, answer))}
        except (ExplainError, QuestionError, UnreadableImage) as error:
            return {**about, "problem": str(error)}

    return look


def _ablating(
    before: Mapping[str, Mapping[str, float]], model: VisionLanguageModel, cancel: CancelToken | None
) -> Callable[[_Task], Record]:
    """Takes heads away, one by one."""

    def ablate(task: _Task) -> Record:
        about: Record = {"case": task.case.id, "key": task.key}
        try:
            answer = _asked(model, task.case, cancel)
            outcomes = became(model, answer, key_target(answer), [without_heads([head]) for head in task.heads])
        except ExplainError as error:
            return {**about, "problem": str(error)}
        if cancel is not None:
            cancel.check()
        changes = {heads_text([head]): one.change for head, one in zip(task.heads, outcomes, strict=True)}
        return {**about, "ablated": {**before[task.case.id], **plain(changes)}}

    return ablate


def _asked(model: VisionLanguageModel, case: Case, cancel: CancelToken | None) -> Answer:
    answer = ask(model, replace(case.asked(), decoding=Decoding(max_new_tokens=LONGEST_ANSWER)), cancel=cancel)
    if cancel is not None:
        cancel.check()
    return answer


def _looks(case: Case, answer: Answer) -> Record:
    """Of every head: its share on the mask, what it looks at the picture, its spatial entropy. Raises NotApplicable
    where attention cannot be seen or image tokens have no place."""
    assert case.mask is not None
    if answer.attention is None or not answer.layout.views:
        raise NotApplicable("Its attention, or where its image tokens are in the picture, is not known.")
    truth = case.mask.pixels(answer.question.images[0].size)
    positions = list(places(answer.layout))
    marked = marked_in(answer, tuple(positions), truth, 0)
    if marked is None:
        raise NotApplicable("Its mask marks nothing that the model sees.")
    rows = np.stack([layer.mean(1) for layer in answer_rows(answer, key_target(answer).tokens).all_layers()])
    seen = rows[..., positions].astype(np.float64)
    looks = seen.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        pointing = (seen @ marked.shares) / looks
    entropy = np.array([[spatial_entropy(row, answer.layout) for row in layer] for layer in rows])
    return {
        "pointing": pointing.tolist(),
        "looks": looks.tolist(),
        "entropy": entropy.tolist(),
        "area": float(marked.shares.mean()),
        "chosen": heads_text(by_criteria(looks, entropy)),
    }


def _rows(lines: Sequence[Record]) -> list[HeadFigure]:
    """Every head with attention, the one that points best first."""
    scored = [line for line in lines if "pointing" in line]
    if not scored:
        return []
    each = {
        name: np.array([line[name] for line in scored], dtype=np.float64) for name in ("pointing", "looks", "entropy")
    }
    chosen = [heads_in(line["chosen"]) for line in scored]
    rows = []
    for layer, head in np.ndindex(*each["looks"].shape[1:]):
        own = {name: values[:, layer, head] for name, values in each.items()}
        if not np.isfinite(own["looks"]).any():
            continue
        changes = [line.get("ablated", {}).get(heads_text([(layer, head)])) for line in scored]
        known = [float(change) for change in changes if change is not None]
        rows.append(
            HeadFigure(
                layer=int(layer),
                head=int(head),
                pointing=mean(own["pointing"]),
                looks=float(np.nanmean(own["looks"])),
                entropy=float(np.nanmean(own["entropy"])) if np.isfinite(own["entropy"]).any() else float("nan"),
                chosen=float(np.mean([(layer, head) in case for case in chosen])),
                ablated=mean(known, "nats") if known else nothing(unit="nats"),
            )
        )
    return sorted(rows, key=lambda row: -np.nan_to_num(row.pointing.value, nan=-1.0))


def _standing(header: Record, lines: Sequence[Record], sample: int) -> GroundingHeads:
    rows = _rows(lines)
    scored = [line for line in lines if "pointing" in line]
    area = float(np.mean([line["area"] for line in scored])) if scored else float("nan")
    threshold = elbow(np.array([row.looks for row in rows])) if rows else float("nan")
    able = [row.named for row in rows if row.looks >= threshold and row.pointing.low > area]
    about = header.get("about", {})
    return GroundingHeads(
        model=str(header.get("model", "")),
        model_name=str(about.get("model_name", "")),
        set_of_cases=str(header.get("set", "")),
        folder=str(about.get("folder", "")),
        seed=int(header.get("seed", 0)),
        sample=sample,
        scored=len(scored),
        area=area,
        threshold=threshold,
        heads=tuple(rows),
        grounding=heads_text(able[:MOST]),
    )
