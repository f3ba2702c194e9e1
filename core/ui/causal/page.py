"""The page below its answer bar: a head, its graph in three views, the chosen node, and the tests."""

from __future__ import annotations

from functools import partial

import streamlit as st

from ...answer import Answer, Target, TokenKind
from ...causal.costs import graphs_expected
from ...causal.discovery import CausalGraph, causal_graph
from ...causal.settings import GraphSettings
from ...counted import counted
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state.graphs import GRAPHS, GraphKey
from ..state.results import answer_key
from ..state.target import describe_target
from ..state.workspace import Workspace
from ..widgets.by_keyboard import MANY, head_finder
from ..widgets.chips import escaped
from ..widgets.exploring import explore
from ..widgets.folded import folded
from ..widgets.layers import no_attention
from ..widgets.part import part
from ..widgets.places import why_no_places
from . import heads, settings
from .downloads import graph_downloads
from .evidence import explanation_set_evidence
from .heads import heads_test_panel
from .masked import explanation_test_panel
from .node import node_panel
from .view import CausalView
from .views import graph_views

CAVEAT = (
    "A graph says which tokens' attention rows are related beyond what others explain. It is a hypothesis about the "
    "model: mask what it names to test it."
)


def causal_page(workspace: Workspace, model: VisionLanguageModel) -> None:
    """Everything below the title: the answer bar, and what stands below it."""
    explore(workspace, model, workspace.view(CausalView).jobs, _below, contrasts=False)


def _below(workspace: Workspace, model: VisionLanguageModel, answer: Answer | None) -> None:
    """Everything about `workspace.target` of an answer. `answer` is None where the answer bar has found none that this
    model can explain; graphs learned of such an answer before are still shown."""
    if answer is None:
        _kept(workspace)
    elif workspace.target is not None:
        _explained(workspace, model, answer, workspace.target)


def _kept(workspace: Workspace) -> None:
    """The graph last looked at, of a model that is not loaded any more."""
    view, answer = workspace.view(CausalView), workspace.answer
    graph = view.results.get(GRAPHS, view.about) if view.about is not None else None
    if answer is None or graph is None or view.about is None or view.about.answer != answer_key(answer):
        return
    st.caption("The graph that was learned before the model was changed:")
    radius = reached(graph, view.radius)
    _summary(graph, radius)
    graph_views(view, answer, graph, view.about, radius, workspace.shown_image)
    graph_downloads(answer, graph, radius)


@part
def _explained(workspace: Workspace, model: VisionLanguageModel, answer: Answer, target: Target) -> None:
    """A part of its own, so that a click in it does not draw the answer bar again."""
    view, card = workspace.view(CausalView), model.card
    view.within(card)
    token = target.tokens[0]
    if len(target.tokens) > 1:
        only = describe_target(answer, Target((token,)), model)
        st.caption(f":material/info: A graph explains one token: of this target, {escaped(only)}.")
    controls = st.container(horizontal=True, gap="medium", vertical_alignment="bottom")
    with controls:
        wanted = _controls(view, model, answer, token)
    if wanted is None:
        return
    if view.layer is not None and view.layer in card.without_attention:
        st.info(no_attention(view.layer, card.attention_layers), icon=":material/blur_off:")
        return
    key = view.key(answer, token, wanted)
    # What comes and goes stands in places of its own: what moves down the page is drawn anew, and a graph takes long.
    with st.container():
        graph = _graph(view, model, answer, key)
    if graph is None:
        return
    view.look_at(key, len(graph.nodes))
    radius = reached(graph, view.radius)
    with controls:
        graph_downloads(answer, graph, radius)
        _radius(view, graph, radius)
    with_images = bool(answer.layout.positions(TokenKind.IMAGE))
    with st.container():
        if not with_images:
            st.info(
                f"{why_no_places(answer)}. The graph of its words still holds; it is not tested here.",
                icon=":material/image_not_supported:",
            )
        _summary(graph, radius)
    details = partial(node_panel, view, model, answer, graph, key, radius)
    graph_views(view, answer, graph, key, radius, workspace.shown_image, details)
    if with_images:
        explanation_test_panel(view, model, answer, graph, key, radius)
        explanation_set_evidence(workspace, model, answer, graph, radius)
        heads_test_panel(view, model, answer, token, wanted, workspace.shown_image)


def reached(graph: CausalGraph, radius: int) -> int:
    """The search distance in this graph: no longer than its tree is deep."""
    return max(1, min(radius, max(graph.explanation.radii, default=1)))


def _controls(view: CausalView, model: VisionLanguageModel, answer: Answer, token: int) -> GraphSettings | None:
    place = st.container(horizontal=True, gap="medium", width="content", vertical_alignment="bottom")
    wanted = settings.form(model.card)
    card = model.card
    with place:
        if len(card.attention_layers) * card.heads > MANY:
            found = heads.found(view, card, answer, token, wanted or GraphSettings())
            chosen = None if view.layer is None else (view.layer, view.head)
            head_finder(found, chosen, lambda head: view.choose(*head), key="causal", figure=str, width=290)
        else:
            ranked = {} if wanted is None else heads.ranked(view, answer, token, wanted)
            settings.choose_head(view, card, ranked)
    return wanted


def _radius(view: CausalView, graph: CausalGraph, radius: int) -> None:
    """The search distance: how many steps from the target a token may be to explain it."""
    longest = max(graph.explanation.radii, default=1)

    def chosen() -> None:
        view.radius = int(st.session_state[key])

    key = f"causal_radius_{longest}"
    st.session_state[key] = radius
    st.segmented_control(
        "Search distance",
        range(1, longest + 1),
        key=key,
        required=True,
        on_change=chosen,
        help="Tokens at most so many steps from the target on the graph are its explanation.",
        wrap=True,
    )


def _graph(view: CausalView, model: VisionLanguageModel, answer: Answer, key: GraphKey) -> CausalGraph | None:
    """The graph, learned now if need be; None, and a sentence, when it cannot be had."""
    if view.results.get(GRAPHS, key) is None and (there := heads.learned(view, answer, key)) is not None:
        view.results.keep(GRAPHS, key, there)

    def learn(cancel: CancelToken, report: Report) -> CausalGraph:
        return causal_graph(model, answer, key.token, key.layer, key.head, key.settings, cancel=cancel)

    told = graphs_expected(model, answer, {key.layer: [key.head]})
    return view.obtain(model, GRAPHS, key, "learning the causal graph", "graph", learn, told)


def _summary(graph: CausalGraph, radius: int) -> None:
    """What was learned, how far to trust it, and what to change where it says nothing."""
    verdict = graph.verdict(radius)
    learned = graph.learned
    edges = learned.graph.edges()
    confounded = sum(str(edge) == "<->" for edge in edges)
    within = len(graph.explanation.within(radius))
    confounders = "1 latent confounder" if confounded == 1 else f"{confounded} latent confounders"
    folded(
        f"Layer {graph.layer}, head {graph.head} explains the target by the tokens at distance {radius}: {within} of "
        f"{counted(graph.explanation.others, 'token')}. {CAVEAT}",
        f"{settings.in_words(graph.settings)} · {counted(len(graph.nodes), 'token')}, "
        f"{counted(len(edges), 'edge')}, {confounders} · {sum(learned.tests):,} tests, "
        f"{learned.sentence.rstrip('.').lower()} · {learned.seconds:.2f} s.",
    )
    if verdict is not None:
        st.warning(escaped(verdict), icon=":material/help:")
        if graph.larger_alpha is not None:
            st.button(
                f"Use alpha {graph.larger_alpha:g}",
                key="causal_use_alpha",
                on_click=partial(settings.use_alpha, graph.larger_alpha),
            )
    if graph.notes:
        st.text("\n".join(graph.notes))
