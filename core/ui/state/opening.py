"""Open a run in a tab: its conversation, its pictures and what was being done, as they were kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np
import streamlit as st
from PIL import Image

from ...answer import Question
from ...clips import Clip, Video
from ...errors import NeedsItsModel, NotWritten, RunBusy, RunDamaged, RunError, UnreadableRecipe
from ...images import plain_name
from ...runs.absent import AbsentModel, absent_model
from ...runs.draft import Draft
from ...runs.manifest import Branch
from ...runs.models import revived, standing
from ...runs.run import Run
from ...runs.turns import Exchange as Turn
from ...runs.turns import Source
from ...street.recipe import SceneRecipe, from_params
from ...vlm.model import VisionLanguageModel
from .keeper import RunKeeper, wait_until_free
from .keeping import keep, runs, state_of, use
from .models import store as models
from .place import restore_place, restore_widgets
from .scenes import image_of
from .tabs import is_there
from .workspace import Exchange, Left, MaskDraft, NamedImage, Workspace

KEPT_ELSEWHERE = "This run is open in another tab, which keeps it. What you ask and compute here is not kept."
PARTING, LOOK_IN = 1.0, 0.05
"""Seconds that a tab which is gone is given to end, and between two looks at it."""
LOOK_AFTER, RELOADING = 0.5, 1.0
"""Seconds between two looks at which tabs are there, and that one is given to come back."""
_open: WeakValueDictionary[str, Workspace] = WeakValueDictionary()
"""Who keeps which run of this server."""
_named: WeakKeyDictionary[RunKeeper, _Named] = WeakKeyDictionary()
"""The pictures of a run that was opened."""


def open_run(workspace: Workspace, id_: str) -> None:
    """Go on with a run in this tab, in place of what it holds, which is kept before. `id_` may come from anywhere, an
    address for one. Where the run cannot be opened the tab begins anew, and `run_trouble` says why; where another tab
    keeps it, it is only looked at. Widgets forget their values: to be called before any is drawn, or a page is left."""
    if workspace.run is not None and workspace.run.id == id_ and not workspace.run.looking:
        return
    keep(workspace)
    _forget_widgets()
    workspace.begin_anew()
    other = _keeping(id_)
    if other is not None and other is not workspace and other.run is not None and not is_there(other.tab):
        if other.run.wake():
            _take_over(workspace, other)
            return
        other.become(Workspace(other.spec))
    with st.spinner("Opening the run …"):
        wait_until_free(id_)
        try:
            run = _opened(id_)
        except RunError as error:
            workspace.run_trouble = f"{error} A new conversation begins here."
            return
        fresh = Workspace(workspace.spec)
        fresh.asked_spec, fresh.tuned, fresh.model_trouble = (
            workspace.asked_spec,
            workspace.tuned,
            workspace.model_trouble,
        )
        fresh.linked, fresh.address, fresh.pins = workspace.linked, workspace.address, workspace.pins
        workspace.become(fresh)
        use(workspace, RunKeeper(run))
        _fill(workspace, run)
        _choose_model(workspace, run)
    if run.writable:
        held(workspace)
    else:
        workspace.run_note = KEPT_ELSEWHERE


def held(workspace: Workspace) -> None:
    """Note that a run is kept by this tab. Once the tab is gone other processes may keep it."""
    if workspace.run is not None and not workspace.run.looking:
        _open[workspace.run.id] = workspace
        _looking_after()


@cache
def _looking_after() -> threading.Thread:
    """Streamlit says nothing of a tab that is closed, and remembers it for minutes, for it may come back."""
    thread = threading.Thread(target=_look_after, name="tabs that keep runs", daemon=True)
    thread.start()
    return thread


def _look_after() -> None:
    gone: dict[str, float] = {}
    while True:
        time.sleep(LOOK_AFTER)
        gone = rest_without_tabs(gone, time.monotonic())


def rest_without_tabs(gone: Mapping[str, float], now: float) -> dict[str, float]:
    """Let others keep the runs whose tabs have been gone a while. `gone` says since when which were; returned is
    which are now."""
    still = {}
    for workspace in filter(None, (reference() for reference in _open.valuerefs())):
        keeper = workspace.run
        if keeper is not None and not keeper.looking and not is_there(workspace.tab):
            since = still[keeper.id] = gone.get(keeper.id, now)
            if now - since >= RELOADING and not keeper.run.resting:
                keeper.rest()
    return still


def go_on_as_copy(workspace: Workspace) -> None:
    """Keep what is only looked at here under a name of its own, with what was asked here meanwhile."""
    keeper = workspace.run
    assert keeper is not None
    here = [exchange for exchange in workspace.exchanges if exchange.id not in keeper.path]
    try:
        copy = runs().duplicate(keeper.id)
    except (RunError, NotWritten) as error:
        workspace.run_trouble = str(error)
        return
    open_run(workspace, copy)
    workspace.exchanges += here


def release(id_: str) -> None:
    """Let go of a run that a tab of this server kept which is gone, so that it can be moved or deleted at once."""
    other = _keeping(id_)
    if other is not None and other.run is not None and other.run.id == id_ and not is_there(other.tab):
        other.run.close()
    wait_until_free(id_)


def let_go(workspace: Workspace, id_: str) -> None:
    """The same, also where this tab has the run: it begins anew then."""
    if workspace.run is not None and workspace.run.id == id_:
        keep(workspace)
        workspace.begin_anew()
    release(id_)


def bring_to_life(workspace: Workspace, model: VisionLanguageModel) -> None:
    """Make the answer that is looked into ready to be explained: its attention rows from the run, and, where `model`
    gave it, its inputs."""
    exchange, keeper = workspace.inspected, workspace.run
    if exchange is None or exchange.answer is None or keeper is None or exchange.id not in keeper.turns:
        return
    turn = keeper.turns[exchange.id]
    if turn.answer is not exchange.answer:
        return
    rows = exchange.answer.attention
    if rows is not None and rows.held is None and exchange.id not in keeper.read:
        keeper.read.add(exchange.id)
        with st.spinner("Reading what was kept …"):
            keeper.run.hold_rows(exchange.id)
    if standing(exchange.answer, model) == "its own":
        try:
            alive = revived(exchange.answer, model)
        except NeedsItsModel as error:
            workspace.run_note = str(error)
            return
        if alive is not exchange.answer:
            exchange.answer = alive
            keeper.turns[exchange.id] = replace(turn, answer=alive)
            keeper.run.know(keeper.turns[exchange.id])


def bring_back(workspace: Workspace, left: Left) -> None:
    """Go on with a conversation that was left; the present one can be brought back then, unless it is the beginning of
    one that is there."""
    keep(workspace)
    exchanges = left.exchanges if left.exchanges is not None else _read(workspace, left)
    now = workspace.as_left("restored")
    others = [one for one in workspace.branches if one is not left]
    if not any(one.ids[: len(now.ids)] == now.ids for one in (left, *others)):
        others.append(now)
    workspace.branches, workspace.exchanges, workspace.editing = others, list(exchanges), None
    answered = [exchange for exchange in exchanges if exchange.answer and exchange.answer.tokens]
    workspace.inspect(answered[-1] if answered else None)
    if workspace.run is not None and not workspace.run.looking:
        workspace.run.restore(left.ids)
        workspace.run.path = [exchange.id for exchange in exchanges]


def _read(workspace: Workspace, left: Left) -> list[Exchange]:
    """The exchanges of a conversation that is on the disk. Those that are on screen are the same objects."""
    keeper = workspace.run
    if keeper is None:
        return []
    there = {exchange.id: exchange for exchange in workspace.exchanges}
    exchanges = []
    for id_ in left.ids:
        if id_ not in there:
            try:
                turn = keeper.run.turn(id_, rows=False)
            except RunDamaged as error:
                keeper.run.tell(str(error))
                continue
            there[id_] = _taken_up(keeper, turn)
        exchanges.append(there[id_])
    return exchanges


def kept_model(workspace: Workspace) -> AbsentModel | None:
    """What stands for the model of the answer that is looked into, where the run knows it."""
    answer, keeper = workspace.answer, workspace.run
    kept = None if answer is None or keeper is None else keeper.run.manifest.model(answer.model)
    if answer is None or kept is None or not answer.tokens:
        return None
    return absent_model(kept.card, [answer])


def _take_over(workspace: Workspace, other: Workspace) -> None:
    """All that a tab holds which is gone, when its page was reloaded for one."""
    until = time.monotonic() + PARTING
    while any(each.answer is None and each.trouble is None for each in other.exchanges[-1:]):
        # An answer that was being given is stopped, and what was said of it is just coming.
        if time.monotonic() > until:
            break
        time.sleep(LOOK_IN)
    keep(other)
    linked, address = workspace.linked, workspace.address
    workspace.become(other)
    workspace.linked, workspace.address = linked, address
    restore_widgets(workspace)
    other.become(Workspace(other.spec))
    assert workspace.run is not None
    _open[workspace.run.id] = workspace


def _keeping(id_: str) -> Workspace | None:
    """The tab that keeps a run of this person; what is another's is nobody's here, and so is what a tab kept that has
    gone on to another run."""
    other = _open.get(id_)
    if other is None or other.run is None or other.run.id != id_ or not runs().has(other.run.run.folder):
        return None
    return other


def _opened(id_: str) -> Run:
    try:
        return runs().open(id_)
    except RunBusy:
        return runs().open(id_, only_look=True)


def _forget_widgets() -> None:
    """What widgets of former pages were set to was about another run."""
    for key in list(st.session_state):
        if key != "workspace":
            del st.session_state[key]


def _choose_model(workspace: Workspace, run: Run) -> None:
    """Use the model that answered last, where it is here and somebody chose it."""
    answered = [exchange.answer for exchange in workspace.exchanges if exchange.answer is not None]
    if not answered:
        return
    kept = run.manifest.model(answered[-1].model)
    spec = models().spec_of(answered[-1].model) or (None if kept is None else kept.spec)
    if spec is not None and workspace.asked_spec is None and models().was_chosen(spec):
        workspace.spec = spec


def _fill(workspace: Workspace, run: Run) -> None:
    """What a run has, for this tab. What cannot be read is told and left out."""
    assert workspace.run is not None
    keeper = workspace.run
    named = _named[keeper] = _Named()
    for summary in run.conversation:
        try:
            turn = run.turn(summary.id, rows=False)
        except RunDamaged as error:
            run.tell(str(error))
            continue
        workspace.exchanges.append(_taken_up(keeper, turn))
        keeper.path.append(turn.id)
    workspace.branches = [_left(run, branch) for branch in run.manifest.branches]
    draft = run.draft()
    _compose(workspace, draft, named)
    answered = [exchange for exchange in workspace.exchanges if exchange.answer and exchange.answer.tokens]
    workspace.inspect(answered[-1] if answered else None)
    restore_place(workspace, run.manifest.place)
    if draft.decoding is None and workspace.exchanges:
        workspace.images = workspace.exchanges[-1].images


def _taken_up(keeper: RunKeeper, turn: Turn) -> Exchange:
    """A turn for the screen. What is on the disk need not be written again."""
    said, answer = "" if turn.answer is None else turn.answer.text, turn.answer
    images = _named[keeper].all(turn.question, turn.sources)
    exchange = Exchange(turn.question, images, said, answer, turn.trouble, id=turn.id, made=turn.made)
    exchange.target = keeper.run.target(turn.id)
    keeper.turns[turn.id] = turn
    keeper.known[turn.id] = state_of(exchange)
    keeper.known[f"target {turn.id}"] = exchange.target
    return exchange


def _left(run: Run, branch: Branch) -> Left:
    asked = {turn.id: turn.question for turn in run.manifest.turns}
    return Left(branch.why, branch.path, tuple(asked[id_] for id_ in branch.path))


def _compose(workspace: Workspace, draft: Draft, named: _Named) -> None:
    workspace.offered = draft.text or None
    workspace.images = named.all(Question("", draft.images, clips=draft.clips), draft.sources)
    if draft.decoding is not None:
        workspace.decoding = draft.decoding
    for mask in draft.masks:
        drawn = MaskDraft(np.zeros_like(mask.hidden), fill=mask.fill)
        drawn.become(np.array(mask.hidden))
        workspace.masks[mask.image, mask.hidden.shape[::-1]] = drawn


class _Named:
    """Pictures as a tab has them, each once: turns about the same one follow each other."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], NamedImage] = {}

    def all(self, question: Question, sources: Sequence[Source]) -> tuple[NamedImage, ...]:
        """Those of a question."""
        visuals = question.visuals
        given = sources if len(sources) == len(visuals) else [Source("a picture") for _ in visuals]
        return tuple(self._one(question, visual, source) for visual, source in zip(visuals, given, strict=True))

    def _one(self, question: Question, visual: int | Clip, source: Source) -> NamedImage:
        numbers = list(visual.images) if isinstance(visual, Clip) else [visual]
        images = [question.images[number] for number in numbers]
        scene = tuple(sorted((source.scene or {}).items()))
        key = (source.name, source.note, scene, *map(id, images))
        if key not in self._known:
            name = plain_name(source.name) or "a picture"  # somebody else may have written the run
            video = Video(tuple(images), replace(visual, first=0)) if isinstance(visual, Clip) else None
            self._known[key] = _drawn(images[0], source.scene) or NamedImage(
                images[0], name, video=video, note=source.note
            )
        return self._known[key]


def _drawn(image: Image.Image, scene: Mapping[str, str] | None) -> NamedImage | None:
    """The drawn scene that a picture is, where it is just that."""
    recipe = _recipe(scene)
    if recipe is None:
        return None
    drawn = image_of(recipe)
    same = drawn.image.size == image.size and drawn.image.mode == image.mode
    return drawn if same and drawn.image.tobytes() == image.tobytes() else None


def _recipe(scene: Mapping[str, str] | None) -> SceneRecipe | None:
    if scene is None or "scene" not in scene:
        return None
    try:
        return from_params(scene["scene"], scene.get("changes", ""))
    except UnreadableRecipe:
        return None
