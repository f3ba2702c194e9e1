"""One node of the graph: what the tests say of it, and what happens without it."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from ...answer import Answer, TokenKind
from ...causal.discovery import CausalGraph
from ...causal.explanation_test import Positions, image_positions
from ...causal.pag import bits
from ...causal.reasking import ReaskedWithout, ask_without
from ...charts.overlays import fit
from ...counted import counted
from ...masking import as_seen
from ...quantities import change_in_nats
from ...runs.kinds import REASKED_WITHOUT
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..state.graphs import GraphKey
from ..widgets.chips import escaped
from ..widgets.scripts import Made, copy_script
from ..widgets.tables import save_table
from .naming import edge_in_words, name_of, names_of
from .view import REASKED, CausalView

SEEN = 150


def node_panel(
    view: CausalView, model: VisionLanguageModel, answer: Answer, graph: CausalGraph, key: GraphKey, radius: int
) -> None:
    """The chosen node. It can be chosen here as well as in the views."""
    st.subheader("The chosen token", anchor=False)
    node = _choice(view, answer, graph, radius)
    if node is None:
        st.info(
            "Click a patch or word in the picture, the graph or the tree: its tests are listed here, and it can be "
            "masked.",
            icon=":material/ads_click:",
        )
        return
    if node == graph.target:
        st.text(f"{name_of(graph, answer, node)} is what is explained. Its edges:")
    else:
        _to_target(answer, graph, node)
    _edges(answer, graph, node)
    positions = image_positions(graph, (node,))
    everything = image_positions(graph, graph.explanation.within(radius))
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        alone = st.button(
            "Mask it and re-ask",
            icon=":material/visibility_off:",
            disabled=not positions,
            key="causal_mask",
            type="primary",
        )
        whole = st.button(
            f"Mask the whole explanation ({len(everything)}) and re-ask",
            disabled=not everything,
            key="causal_mask_all",
        )
    if not positions:
        st.caption("Only patches can be masked; a word is left in place.")
    _reask(view, model, answer, graph, key, positions, alone)
    if everything != positions:
        _reask(view, model, answer, graph, key, everything, whole)


def _choice(view: CausalView, answer: Answer, graph: CausalGraph, radius: int) -> int | None:
    """The nodes to choose from, those of the explanation first."""
    near = graph.explanation.within(radius)
    rest = [node for node in range(graph.target) if node not in near]
    names = {node: name_of(graph, answer, node) for node in range(len(graph.nodes))}

    def chosen() -> None:
        view.node = st.session_state["causal_node"]

    st.session_state["causal_node"] = view.node
    node = st.selectbox(
        "Token",
        [*near, *rest, graph.target],
        index=None,
        format_func=names.__getitem__,
        key="causal_node",
        on_change=chosen,
        placeholder="Choose a token of the graph",
        width=420,
    )
    return None if node is None else int(node)


def _to_target(answer: Answer, graph: CausalGraph, node: int) -> None:
    """Its edge to the target in words, and the numbers behind it."""
    relation = graph.relation(node, graph.target)
    unrelated = relation.separator == ()
    steps = graph.explanation.tree.distance.get(node)
    name, target = name_of(graph, answer, node), name_of(graph, answer, graph.target)
    this = "the patch" if graph.nodes[node].kind is TokenKind.IMAGE else "the word"
    says = "no edge: the two are unrelated" if unrelated else edge_in_words(relation.edge, this, "the target")
    st.text(f"{name}  {relation.edge or 'and'}  {target}: {says}.")
    where = f"{counted(steps, 'step')} away" if steps else "not in the target's tree"
    lines = [
        f"Attention from the target {graph.nodes[node].attention:.2%}; {where}.",
        f"Correlation with the target {relation.correlation:+.3f} (p = {relation.p_value:.2g} given nothing).",
    ]
    if unrelated:
        lines.append("That p-value is above alpha, so no other token is needed to separate the two.")
    elif relation.separator is not None:
        given = names_of(graph, answer, relation.separator)
        lines.append(f"Separated by: {given} (p = {relation.p_value_given:.2g} given that, above alpha).")
    elif relation.edge:
        lines.append("No set of tokens that was tried separates the two, so the edge stays.")
    st.text("\n".join(lines))


def _edges(answer: Answer, graph: CausalGraph, node: int) -> None:
    """All its edges, and what each says."""
    near = list(bits(graph.learned.graph.adjacent[node]))
    if not near:
        st.text("It has no edge.")
        return
    rows = []
    for other in near:
        relation = graph.relation(node, other)
        name = name_of(graph, answer, other)
        rows.append(
            {
                "edge": relation.edge,
                "to": name,
                "correlation": relation.correlation,
                "p-value": f"{relation.p_value:.1e}",
                "it says": edge_in_words(relation.edge, "this", "that"),
            }
        )
    with st.expander(f"Its {counted(len(near), 'edge')}", expanded=len(near) <= 4):
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            placeholder="–",
            height="content" if len(rows) < 7 else 260,
            column_config={"correlation": st.column_config.NumberColumn(format="%.3f")},
        )
        save_table(rows, "edges", f"edges_csv_{node}")


def _reask(
    view: CausalView,
    model: VisionLanguageModel,
    answer: Answer,
    graph: CausalGraph,
    key: GraphKey,
    positions: Positions,
    clicked: bool,
) -> None:
    """Mask these patches and ask again, when that was clicked; show what came of it, when it is known."""
    fill = view.masking.fill
    kept = (key.answer, key.token, positions, fill)
    if clicked and view.results.get(REASKED, kept) is None:

        def work(cancel: CancelToken, report: Callable[[float], None]) -> None:
            without = ask_without(model, answer, graph.token, positions, fill, cancel, lambda piece: report(0.5))
            view.results.keep(REASKED, kept, without)

        view.jobs.start(model, ("reask", kept), "asking again with patches masked", "reask", work)
    without = view.results.get(REASKED, kept)
    if without is not None:
        _result(answer, graph, without)
    else:
        view.jobs.tell(("reask", kept))


def _result(answer: Answer, graph: CausalGraph, without: ReaskedWithout) -> None:
    other, outcome = without.reasked.answer, without.reasked.outcome
    with st.container(border=True, horizontal=True, gap="medium"):
        images = as_seen(other.question)
        for number in sorted({mask.image for mask in other.question.masks}):
            image = images[number]
            st.image(image.resize(fit(image.size, SEEN)), alt="what the model saw", width=SEEN)
        with st.container(width="stretch"):
            st.caption(f"{escaped(outcome.perturbation.words)}: asked again, it says")
            st.text(other.text or "(no word)")
            same = other.text == answer.text
            st.caption("The answer is the same." if same else "The answer was")
            if not same:
                st.text(answer.text)
            change = float(outcome.changes[graph.token])
            st.caption(
                f"The target's log-probability changes by {change_in_nats(change)} with the pixels masked, "
                f"{change_in_nats(without.hidden_change)} with attention to their image tokens blocked instead."
            )
            about = {"token": graph.token, "positions": without.positions, "fill": without.fill}
            copy_script(answer, Made(REASKED_WITHOUT, without, about))
