"""What a tab holds goes into its run as it comes: whatever changed since it was looked at last."""

from __future__ import annotations

from ...answer import Question, RegionMask
from ...errors import NotWritten, RunError
from ...runs.draft import Draft
from ...runs.store import RunStore
from ...runs.turns import Exchange as Turn
from ...runs.turns import Source
from .keeper import RunKeeper
from .models import store as models
from .person import home
from .pins import keep_pins
from .place import place_of
from .reasks import keep_rows
from .shelf import Shelf
from .workspace import Exchange, NamedImage, Workspace

TAKEN_OVER = (
    "Somebody else has gone on with this run while this tab was away. What you ask and compute here is not kept."
)


def runs() -> RunStore:
    """The runs of this account, or of the folder that the server was started with; of the person alone, where several
    use it. Raises RunError where it is not known who."""
    return RunStore(home())


def keep(workspace: Workspace) -> None:
    """Keep what is new in a tab. A run is begun with the first question; nothing here waits for the disk."""
    if workspace.run is None:
        if not workspace.exchanges:
            return
        try:
            use(workspace, RunKeeper(runs().create()))
        except (NotWritten, RunError) as error:
            workspace.run_trouble = f"Nothing is kept: {error}"
            return
        workspace.run_trouble = None
    keeper = workspace.run
    if keeper is None or keeper.looking:
        return
    if not keeper.wake():
        workspace.run_note = TAKEN_OVER
        return
    keeper.again()
    _turns(workspace, keeper)
    _targets(workspace, keeper)
    _draft(workspace, keeper)
    keep_rows(workspace, keeper)
    keep_pins(workspace, keeper)
    place = place_of(workspace)
    if keeper.known.get("place") != place:
        keeper.known["place"] = place
        keeper.remember(place)


def use(workspace: Workspace, keeper: RunKeeper) -> None:
    """Keep what a tab does with this from now on."""
    workspace.run = keeper
    workspace.results.behind = Shelf(keeper)


def _turns(workspace: Workspace, keeper: RunKeeper) -> None:
    exchanges = list(workspace.exchanges)
    same = 0
    for ours, there in zip(exchanges, keeper.path, strict=False):
        if ours.id != there:
            break
        same += 1
    if same < len(keeper.path):
        keeper.cut(same, workspace.left)
    for exchange in exchanges:
        keep_turn(keeper, exchange)


def keep_turn(keeper: RunKeeper, exchange: Exchange) -> None:
    """Keep an exchange as it is now, if it is not kept so already. May be called from any thread."""
    answer, state = exchange.answer, state_of(exchange)
    if keeper.looking or (keeper.known.get(exchange.id) == state and exchange.id in keeper.path):
        if answer is not None and not keeper.looking and answer.model not in keeper.whose:
            _tell_whose(keeper, answer.model)
        return
    keeper.known[exchange.id] = state
    model = None if answer is None else models().loaded(answer.model)
    spec = None if answer is None else models().spec_of(answer.model)
    if model is not None:
        keeper.whose.add(model.card.fingerprint)
    keeper.add(turn_of(exchange), None if model is None else model.card, spec)
    keeper.measure()


def state_of(exchange: Exchange) -> object:
    """What of an exchange is written anew when it changes."""
    answer = exchange.answer
    return exchange.trouble, answer and (answer.model, answer.token_ids, answer.finish)


def _tell_whose(keeper: RunKeeper, fingerprint: str) -> None:
    """Keep the card of a model that is here by now."""
    model = models().loaded(fingerprint)
    if model is not None:
        keeper.whose.add(fingerprint)
        card, spec = model.card, models().spec_of(fingerprint)
        keeper.do(lambda run: run.keep_model(card, spec))


def turn_of(exchange: Exchange) -> Turn:
    """An exchange as a run keeps it."""
    named = tuple(source_of(image) for image in exchange.images)
    fits = len(named) == len(exchange.question.visuals)
    return Turn(
        exchange.question,
        exchange.answer,
        named if fits else (),
        exchange.trouble,
        id=exchange.id,
        made=exchange.made,
    )


def source_of(image: NamedImage) -> Source:
    """Where a picture came from, as a run keeps it."""
    scene = None if image.recipe is None else image.recipe.to_params()
    clip = None if image.video is None else image.video.clip
    times = () if clip is None else tuple(index / clip.rate for index in clip.indices)
    return Source(image.name, image.note, scene, times)


def _targets(workspace: Workspace, keeper: RunKeeper) -> None:
    for exchange in workspace.exchanges:
        name = f"target {exchange.id}"
        if keeper.known.get(name) != exchange.target:
            keeper.known[name] = exchange.target
            keeper.target(exchange.id, exchange.target)


def _draft(workspace: Workspace, keeper: RunKeeper) -> None:
    regions = workspace.regions_here()
    drawn = [(key, id(draft), draft.strokes, draft.fill) for key, draft in regions.items()]
    state = (workspace.offered, workspace.images, workspace.decoding, drawn)
    if keeper.known.get("draft") == state:
        return
    keeper.known["draft"] = state
    composed = Question("", [image.visual for image in workspace.images])
    masks = [RegionMask(draft.hidden, draft.fill, number) for (number, _), draft in regions.items()]
    keeper.draft(
        Draft(
            workspace.offered or "",
            composed.images,
            composed.clips,
            tuple(source_of(image) for image in workspace.images),
            tuple(masks),
            workspace.decoding,
        )
    )
