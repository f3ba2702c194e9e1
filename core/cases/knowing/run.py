"""Probes of a label over many cases: states are kept case by case, gone on with after whatever ended it, and fitted."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from ...answer import Decoding, Target
from ...errors import NotEnoughMemory, QuestionError, UnreadableImage
from ...probes.fitting import LEAST_EACH
from ...probes.states import PLACES, RESIDUAL, Where, layers_of, mean_states, places_of
from ...typed_paths import is_there
from ...vlm.cancel import CancelToken
from ...vlm.forecast import Forecast, each_of
from ...vlm.generation import ask
from ...vlm.memory import readable_bytes
from ...vlm.memory_costs import check_memory, checkpoint_bytes
from ...vlm.model import VisionLanguageModel
from ...vlm.pace import stopwatch
from ...vlm.targets import token_targets_of
from ..journal import Journal, each_line
from ..scoring import is_right
from .figures import Knowing, Line, Subject, knowing, read_line
from .kept_states import KeptStates, Shape, row_bytes, states_file
from .labels import Labelled, frequent, with_mask

KIND = "probes"
CASES = 300
LONGEST = 24
"""Tokens of an answer."""
PROBED = "probed case"
MEASURED = 0.8
"""The share of the work that measuring is; fitting is the rest."""


def run_probes(
    model: VisionLanguageModel,
    labelled: Sequence[Labelled],
    out_file: Path,
    *,
    of: str,
    label: str,
    decides: bool,
    where: Where = RESIDUAL,
    progress: Callable[[float], None] = lambda done: None,
    cancel: CancelToken | None = None,
) -> Knowing:
    """Ask a model every case, keep the mean state of each place in each layer beside `out_file`, and probe them.

    `of` says whose cases they are; the other arguments are as in `Subject`. Values of the label that fewer than
    `LEAST_EACH` cases have are left out. Goes on with a file that was begun for the same model, cases and label.
    Raises JournalError (OtherRun), NotWritten, NotEnoughMemory (also of the disk), NotApplicable where states cannot be
    read or cases are too few, Cancelled: what is measured is kept.
    """
    subject = Subject(model.card.fingerprint, model.card.name, of, label, where, decides)
    with measured_states(
        model, labelled, out_file, subject, progress=lambda done: progress(MEASURED * done), cancel=cancel
    ) as (lines, states):

        def fitted(done: float) -> None:
            if cancel is not None:
                cancel.check()
            progress(MEASURED + (1 - MEASURED) * done)

        return knowing(subject, lines, states, layers_of(model, where), len(labelled), fitted)


@contextlib.contextmanager
def measured_states(
    model: VisionLanguageModel,
    labelled: Sequence[Labelled],
    out_file: Path,
    subject: Subject,
    *,
    progress: Callable[[float], None] = lambda done: None,
    cancel: CancelToken | None = None,
) -> Iterator[tuple[list[Line], KeptStates]]:
    """The lines of the cases whose label is frequent enough, in their order, and their states; what `out_file` lacks is
    measured first. Raises what `run_probes` raises."""
    usable = frequent(labelled, LEAST_EACH)
    shape: Shape = (layers_of(model, subject.where), len(PLACES), model.card.hidden)
    identity = {"model": subject.model, "of": subject.of, "label": subject.label, "where": subject.where}
    with Journal(out_file, KIND, identity, {"model_name": subject.model_name}) as journal:
        lines = each_line(journal.records, read_line, out_file)
        rows = sum(line.row is not None for line in lines)
        check_room(out_file, shape, max(0, len(usable) - rows))
        with KeptStates(states_file(out_file), shape, rows) as states:
            finished = {(line.case, line.key): line for line in lines if line.problem is None}
            for number, one in enumerate(usable, 1):
                if (one.case.id, _key(one)) not in finished:
                    line = _measured(model, one, subject.where, states, cancel)
                    journal.append(asdict(line))
                    finished[line.case, line.key] = line
                progress(number / len(usable))
            yield [finished[one.case.id, _key(one)] for one in usable], states


def check_room(out_file: Path, shape: Shape, cases: int) -> None:
    """Raises NotEnoughMemory where the disk has no room for the states of so many cases."""
    needed = cases * row_bytes(shape)
    free = shutil.disk_usage(out_file.parent if is_there(out_file.parent) else Path()).free
    if needed > free:
        raise NotEnoughMemory(
            f"The states of {cases:,} cases take {readable_bytes(needed)} on the disk, and {readable_bytes(free)} are "
            "free. Choose fewer cases, or a file on another disk."
        )


def expected(model: VisionLanguageModel, cases: int) -> Forecast:
    """How long so many cases take here; fitting comes on top."""
    return each_of(model, PROBED, cases, 1.7, "case")


def _key(one: Labelled) -> str:
    """A hash of what decides a case's line."""
    digest = hashlib.sha256(f"{one.case.fingerprint()} {one.label}".encode("utf-8", "replace"))
    if one.shows is not None:
        digest.update(one.shows.tobytes())
    elif one.case.mask is not None:
        digest.update(one.case.mask.fingerprint().encode())
    return digest.hexdigest()[:16]


def _measured(
    model: VisionLanguageModel, one: Labelled, where: Where, states: KeptStates, cancel: CancelToken | None
) -> Line:
    """A case's line, its states written before it. A picture that cannot be opened and a question that does not fit
    make one with a `problem`, and so does an answer without a word. Raises Cancelled."""
    began, key = stopwatch(model.card.device), _key(one)
    if cancel is not None:
        cancel.check()
    try:
        question = replace(one.case.asked(), decoding=Decoding(max_new_tokens=LONGEST))
        one = with_mask(one, question.images[0].size) if question.images else one
        answer = ask(model, question, cancel=cancel, keep_attention=False)
    except (UnreadableImage, QuestionError) as error:
        return Line(one.case.id, key, problem=str(error))
    if cancel is not None:
        cancel.check()
    if not answer.tokens:
        return Line(one.case.id, key, problem="The model answers nothing.")
    check_memory("Probing", checkpoint_bytes(model, answer), model, "Use smaller pictures.")
    first = token_targets_of(answer, Target((0,)))
    found = mean_states(model, answer, first, places_of(answer, first, one.shows), where, cancel)
    row = states.append(found)
    model.pace.note(PROBED, 1, began.took())
    return Line(
        case=one.case.id,
        key=key,
        label=one.label,
        picture=question.visual_fingerprint()[:16],
        wording=question.text,
        said=answer.text,
        right=is_right(one.case, answer.text) if one.case.expected else None,
        row=row,
        expected=one.case.expected[0] if one.case.expected else "",
    )
