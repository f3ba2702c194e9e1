"""What `reproduce.py` of a bundle does: results computed again by the library, beside those that are kept."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..answer import Answer, AttentionRows
from ..errors import NeedsItsModel, SightlineError
from ..runs.codec.answers import ids_of
from ..runs.manifest import versions
from ..runs.opening import opened
from ..runs.results import KeptResult
from ..runs.run import Run
from ..vlm.model import VisionLanguageModel
from ..vlm.rows_again import computed_again, tokens_at_once
from .code import Code
from .collect import case_of, own_attention
from .comparing import Difference, differences
from .registry import renderer

Load = Callable[[], VisionLanguageModel]
Compute = Callable[[VisionLanguageModel, Answer], Any]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Step:
    """A result to compute again: the turn it is of, its kind, the name of its file (None for the attention of the
    answer itself), and what computes it."""

    turn: str
    kind: str
    name: str | None
    compute: Compute
    tolerance: float
    rounding: float


def reproduce(folder: str | Path, models: Mapping[str, Load], steps: Sequence[Step], say: Say = print) -> int:
    """Compute the results of the run in `folder` again and compare them; `models` load those that answered, by their
    fingerprints. Says a line for each array of each figure. Returns 0 where all are alike, 1 where one differs or could
    not be computed. Raises RunError where there is no run."""
    folder = Path(folder)
    manifest, damage = opened(folder)
    run = Run(folder, manifest, None, damage)
    for sentence in (*damage, *_other_versions(manifest.versions)):
        say(sentence)
    loaded: dict[str, VisionLanguageModel] = {}
    alike = True
    for step in steps:
        try:
            for line in _again(run, step, models, loaded, say):
                say(_told(line))
                alike &= line.same
        except SightlineError as error:
            say(f"FAILED   {renderer(step.kind).name}: {error}")
            alike = False
    say("All figures are as they were kept." if alike else "Some figures are not as they were kept.")
    return 0 if alike else 1


def _again(
    run: Run, step: Step, models: Mapping[str, Load], loaded: dict[str, VisionLanguageModel], say: Say
) -> Sequence[Difference]:
    turn = run.turn(step.turn)
    if turn.answer is None:
        return ()
    made_by = turn.answer.model
    if made_by not in loaded:
        loaded[made_by] = models[made_by]()
        card = loaded[made_by].card
        if card.fingerprint != made_by:
            say(
                f"{card.name} as it is loaded here ({card.fingerprint[:12]}, {card.dtype} on {card.device}) is not "
                f"quite what answered ({made_by[:12]}): differences may be those of weights, precision or device."
            )
    model = loaded[made_by]
    if step.name is None:
        kept = own_attention(turn.answer, run.target(step.turn))
    else:
        kept = next((case_of(one, turn.answer) for one in run.results() if _is(one, step.name)), None)
    if kept is None:
        return ()
    answer = adopted(turn.answer, model)
    result = step.compute(model, answer)
    own = renderer(step.kind)
    case = replace(kept, answer=answer, result=result)
    return list(differences(own.figures(kept), own.figures(case), Code((), step.tolerance, step.rounding)))


def _is(kept: KeptResult, name: str) -> bool:
    return kept.name == name


def adopted(answer: Answer, model: VisionLanguageModel) -> Answer:
    """An answer as if the model at hand had given it: with its inputs, and its own attention rows where the answer had
    some. Raises NeedsItsModel where the model reads the question as other tokens."""
    prepared = model.prepare(answer.question)
    if prepared.ids != ids_of(answer):
        raise NeedsItsModel(f"{model.card.name} reads the question as other tokens than the model that answered.")
    own = replace(answer, model=model.card.fingerprint, inputs=prepared.inputs, attention=None)
    if answer.attention is None or len(answer.tokens) > tokens_at_once(model, own):
        return own
    held = computed_again(model, own, range(len(answer.tokens)))
    return replace(own, attention=AttentionRows(held.weights, held.tokens, held.layers, held.number))


def _other_versions(kept: Mapping[str, str]) -> Sequence[str]:
    now = versions()
    return [
        f"The run was begun with {name} {version}; here is {now.get(name, 'none')}."
        for name, version in kept.items()
        if now.get(name) != version
    ]


def _told(line: Difference) -> str:
    verdict = "same  " if line.same else "DIFFERS"
    return f"{verdict:8} {line.largest:10.3g} of {line.of:10.3g}  {line.title}: {line.array}"


def main(models: Mapping[str, Load], steps: Sequence[Step]) -> int:
    """`reproduce` for the bundle that the program lies in. Returns its exit code."""
    try:
        return reproduce(Path(sys.argv[0]).resolve().parent / "run", models, steps)
    except SightlineError as error:
        print(error, file=sys.stderr)
        return 1
