"""The Mechanisms page about an answer, without a browser, for its tests."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from core.answer import Answer, Decoding, Question, Target
from core.street.recipe import SceneRecipe
from core.ui.mechanisms import view as views
from core.ui.mechanisms.view import MechanismsView
from core.ui.state.results import Kind
from core.ui.state.scenes import image_of
from core.ui.state.workspace import Exchange, Workspace
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel

App = Callable[..., AppTest]
COMPUTING = (
    "head_contributions",
    "logit_lens",
    "attention_knockout",
    "head_ablation",
    "causal_tracing",
)
TARGET = Target((2,))


def work_of(at: AppTest) -> Workspace:
    work = at.session_state["workspace"]
    assert isinstance(work, Workspace)
    return work


def view_of(at: AppTest) -> MechanismsView:
    return work_of(at).view(MechanismsView)


def exchange_of(model: TransformersModel, *, picture: bool = True, tokens: int = 6) -> Exchange:
    shown = image_of(SceneRecipe(27)) if picture else None
    images = (shown.image,) if shown else ()
    question = Question("What is the house's door?", images, decoding=Decoding(max_new_tokens=tokens))
    return Exchange(question, (shown,) if shown else (), answer=ask(model, question))


def opened(
    app: App, exchange: Exchange | None, lens: str = "head_contributions", target: Target | None = TARGET
) -> AppTest:
    """The page about a target, through one lens."""
    at = app(None)
    work = work_of(at)
    work.exchanges = [exchange] if exchange else []
    work.inspect(exchange)
    work.target = target if exchange else None
    work.view(MechanismsView).lens = lens
    at.switch_page("pages/5_Mechanisms.py").run()
    assert not at.exception and not at.error
    return at


def answered(exchange: Exchange) -> Answer:
    assert exchange.answer is not None
    return exchange.answer


def captions(at: AppTest) -> str:
    return "\n".join(caption.value for caption in at.caption).replace("\\", "")


def said(at: AppTest) -> str:
    return "\n".join(text.value for text in at.text)


def results(view: MechanismsView) -> dict[str, int]:
    """How many results of each kind are kept."""
    kinds = {name: kind for name, kind in vars(views).items() if isinstance(kind, Kind)}
    return {name: len(view.results.of(kind)) for name, kind in kinds.items()}
