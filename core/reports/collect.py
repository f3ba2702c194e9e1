"""What a run has to report: its turns, and of each the results with their figures and their scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ..answer import Answer, Target
from ..errors import SightlineError
from ..runs.identity import answer_id, content_id
from ..runs.manifest import KeptModel, TurnSummary
from ..runs.public import public_about, public_model, public_name, public_text, without_home
from ..runs.results import KeptResult
from ..runs.run import Run
from ..runs.turns import Exchange
from .case import Case
from .code import CannotBeWritten, Writer
from .figure import Figure
from .registry import renderer, renderers
from .script import Setting, picture_codes, script

MISFITS = (ValueError, TypeError, IndexError, KeyError, AttributeError, AssertionError, ArithmeticError)
"""What comes of a file from elsewhere that fits its types, and still not its answer."""
OF_THE_ANSWER = "attention_rows"
"""The kind of the figures that are drawn of every answer whose attention rows are kept."""


@dataclass(frozen=True, eq=False)
class Item:
    """A result that is reported: its figures, and the script that makes them, or why there is none (`without`).
    `kept` names it on disk; None for what is drawn from the answer's own attention rows. `trouble` is why there are no
    figures of it."""

    kind: str
    name: str
    case: Case | None
    figures: tuple[Figure, ...] = ()
    script: str | None = None
    without: str | None = None
    kept: KeptResult | None = None
    trouble: str | None = None


@dataclass(frozen=True, eq=False)
class TurnReport:
    """A turn and what was computed about its answer. `turn` is None where it cannot be read, `trouble` why.
    `undrawn` is how many results there are beside, of kinds that have no figures here: they are in the run."""

    summary: TurnSummary
    turn: Exchange | None
    model: KeptModel | None
    target: Target | None
    results: tuple[KeptResult, ...] = ()
    trouble: str | None = None
    undrawn: int = 0

    def items(self) -> Iterator[Item]:
        """Its figures, drawn one after the other."""
        turn = self.turn
        if turn is None or turn.answer is None:
            return
        setting = Setting(self.model, picture_codes(turn.question, turn.sources, Writer()))
        own = own_attention(turn.answer, self.target)
        if own is not None:
            yield item_of(OF_THE_ANSWER, own, setting)
        for result in self.results:
            yield _read(result, turn.answer, setting)


def turns(run: Run) -> Iterator[TurnReport]:
    """The turns of the present conversation in their order."""
    of_answer: dict[str, list[KeptResult]] = {}
    for result in run.results():
        of_answer.setdefault(result.what.answer, []).append(result)
    for summary in run.conversation:
        kept = None if summary.model is None else run.manifest.model(summary.model)
        model = None if kept is None else public_model(kept)
        target = run.target(summary.id)
        try:
            turn = _public(run.turn(summary.id), run)
        except SightlineError as error:
            yield TurnReport(summary, None, model, target, trouble=str(error))
            continue
        answer = turn.answer
        every = () if answer is None else (*of_answer.get(answer_id(answer), ()), *of_answer.pop(of_question(turn), ()))
        results = tuple(one for one in every if one.what.kind in renderers())
        if answer is not None and answer.attention is not None and answer.attention.held is None:
            run.hold_rows(summary.id)
        yield TurnReport(summary, turn, model, target, results, undrawn=len(every) - len(results))


def _public(turn: Exchange, run: Run) -> Exchange:
    """A turn without the folders of this machine."""

    def told(sentence: str | None) -> str | None:
        for kept in run.manifest.models:
            sentence = None if sentence is None else public_text(sentence, kept)
        return None if sentence is None else without_home(sentence)

    sources = tuple(replace(source, name=public_name(source.name)) for source in turn.sources)
    return replace(turn, sources=sources, trouble=told(turn.trouble), replay=told(turn.replay))


def of_question(turn: Exchange) -> str:
    """Under what a run keeps results that are of a turn's question, whatever model answered it."""
    return content_id("", turn.question.fingerprint(), ())


def elsewhere(run: Run, told: Iterable[KeptResult]) -> int:
    """How many results are of answers and questions that are not in the present conversation."""
    there = {turn.answer_id for turn in run.conversation} | {one.what.answer for one in told}
    return sum(result.what.answer not in there for result in run.results())


def own_attention(answer: Answer, target: Target | None) -> Case | None:
    """The attention of the rows that predicted a target, or all of an answer; None where none are held."""
    held = None if answer.attention is None else answer.attention.held
    if held is None or answer.attention is None:
        return None
    wanted = range(len(answer.tokens)) if target is None else target.tokens
    tokens = [token for token in wanted if token in held.tokens]
    rows = answer.attention.of(tokens) if tokens else None
    if rows is None:
        return None
    return Case(answer, rows, {"positions": tuple(answer.predicting_position(token) for token in tokens)})


def item_of(kind: str, case: Case, setting: Setting, kept: KeptResult | None = None) -> Item:
    """The figures of a result, and its script. Raises UnknownName for a kind that there is not."""
    own = renderer(kind)
    figures = tuple(own.figures(case))
    try:
        return Item(kind, own.name, case, figures, script(kind, case, setting), kept=kept)
    except CannotBeWritten as error:
        return Item(kind, own.name, case, figures, without=str(error), kept=kept)


def _read(kept: KeptResult, answer: Answer, setting: Setting) -> Item:
    kind = kept.what.kind
    name = renderers()[kind].name
    try:
        case = case_of(kept, answer)
        return item_of(kind, case, setting, kept)
    except SightlineError as error:
        return Item(kind, name, None, kept=kept, trouble=str(error))
    except MISFITS as error:
        return misfit(Item(kind, name, None, kept=kept), error)


def misfit(item: Item, error: Exception) -> Item:
    """A result that cannot be drawn."""
    sentence = f"This result does not fit its answer, so it has no figure ({type(error).__name__})."
    return Item(item.kind, item.name, None, kept=item.kept, trouble=sentence)


def case_of(kept: KeptResult, answer: Answer) -> Case:
    """A kept result with what it is of. Raises RunDamaged."""
    about = public_about(kept.what.about)
    result = kept.load()
    seconds = kept.what.seconds
    return Case(answer, result, about, seconds)
