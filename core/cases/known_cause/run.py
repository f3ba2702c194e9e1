"""Every method on a known cause: run over scenes, kept line by line, and gone on with after whatever ended it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...errors import OtherModel
from ...explainers.registry import explainers
from ...vlm.cancel import Cancelled, CancelToken
from ...vlm.model import VisionLanguageModel
from ..journal import Journal, each_line
from ..league import chosen
from ..score_case import METHOD_SETTINGS
from .figures import KnownCause, known_cause, read_line
from .measuring import Models, measure
from .scenes import door_scenes

KIND = "known cause"
SCENES = 200


def run_known_cause(
    looks: VisionLanguageModel,
    habit: VisionLanguageModel,
    out_file: Path,
    scenes: int = SCENES,
    methods: Sequence[str] | None = None,
    contrasts: bool = False,
    progress: Callable[[float], None] = lambda done: None,
    cancel: CancelToken | None = None,
) -> KnownCause:
    """Have methods (by key; all by default, controls too) explain the first word about both doors of each scene in a
    model that looks at the truck's and in one that does not, appending to `out_file`, and tell how far they tell the
    two apart. With `contrasts` that word rather than its opposite is explained as well.

    Goes on with a file that the same models began, fills in methods that it lacks, and tells of all that it holds.
    Stopped by `cancel`, tells how they stand so far. Raises JournalError (OtherRun for a file of other models or
    settings), UnknownName for a method that there is not, and OtherModel where the two models are one.
    """
    wanted = chosen("explainer", list(explainers()), methods)
    if looks.card.fingerprint == habit.card.fingerprint:
        raise OtherModel("Both models are the same one, so nothing can tell them apart. Choose two.")
    models: Models = {"looks": looks, "habit": habit}
    fingerprints: dict[str, str] = {who: model.card.fingerprint for who, model in models.items()}
    names: dict[str, str] = {who: model.card.name for who, model in models.items()}
    identity = {
        "models": fingerprints,
        "contrasts": contrasts,
        "settings": {key: _departing(settings) for key, settings in METHOD_SETTINGS.items()},
    }
    with Journal(out_file, KIND, identity, {"model_names": names}) as journal:
        lines = each_line(journal.records, read_line, out_file)
        finished = {(line.case, line.method) for line in lines}
        unusable = {line.case for line in lines if line.method is None and line.problem is not None}
        with suppress(Cancelled):
            for number, scene in enumerate(door_scenes(scenes), 1):
                missing = [key for key in wanted if (scene.id, key) not in finished]
                effects = (scene.id, None) not in finished
                if scene.id not in unusable and (missing or effects):
                    for record in measure(models, scene, missing, effects, contrasts, cancel):
                        journal.append(record)
                        lines.append(read_line(record))
                progress(number / scenes)
        return known_cause(fingerprints, names, lines)


def _departing(settings: Any) -> dict[str, Any]:
    """The settings that are not a method's defaults: one that it is given later cuts no file off."""
    usual = asdict(type(settings)())
    return {name: value for name, value in asdict(settings).items() if value != usual[name]}
