"""The graph on its own page, in a frame of a component, so that a click on a node reaches Python.

A page with the drawing library in it is a megabyte. It is sent when the graph changes, and packed; which node is chosen
goes a way of its own, in a second component of one number, so that a click sends nearly nothing.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Callable
from functools import lru_cache

import streamlit as st

HEIGHT = 640
LEGEND = 116
"""Pixels for a legend of four lines and, over it, a sentence."""
_GRAPH_JS = """
export default function ({ parentElement, data, setTriggerValue }) {
  const holder = parentElement.querySelector('.graph');
  if (holder.forget) holder.forget();
  let frame = holder.querySelector('iframe');
  if (!frame) {
    frame = document.createElement('iframe');
    frame.setAttribute('sandbox', 'allow-scripts');
    holder.append(frame);
  }
  frame.title = data.title;
  frame.style.height = data.height + 'px';
  const tell = () => frame.contentWindow &&
    frame.contentWindow.postMessage({ sightline: 'pick', node: window.sightlineNode ?? null }, '*');
  const heard = (event) => {
    const said = event.data;
    if (event.source !== frame.contentWindow || !said || said.sightline !== 'node') return;
    if (Number.isInteger(said.node)) setTriggerValue('picked', said.node);
  };
  frame.onload = tell;
  const unpacked = async (packed) => {
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return new Response(stream).text();
  };
  if (holder.dataset.page !== data.id) {
    holder.dataset.page = data.id;
    unpacked(data.page).then((page) => { if (holder.dataset.page === data.id) frame.srcdoc = page; });
  }
  window.addEventListener('message', heard);
  window.addEventListener('sightline-node', tell);
  holder.forget = () => {
    window.removeEventListener('message', heard);
    window.removeEventListener('sightline-node', tell);
  };
  return holder.forget;
}
"""
_POINTER_JS = """
export default function ({ data }) {
  window.sightlineNode = data.node;
  window.dispatchEvent(new Event('sightline-node'));
}
"""
_CSS = ".graph iframe{width:100%;border:0;display:block;color-scheme:normal;background:transparent}"


@lru_cache(maxsize=4)
def packed(page: str) -> str:
    """A page of letters and pictures in data addresses, as the browser unpacks it: gzip, in base 64. The last
    are kept: a click on a node tells its page again."""
    return base64.b64encode(gzip.compress(page.encode(), mtime=0)).decode("ascii")


def network_view(page: str, picked: int | None, choose: Callable[[int], None]) -> None:
    """A page of `core.charts.pag`, with the node `picked` outlined; `choose` is called with a node that is clicked."""

    def clicked() -> None:
        node = st.session_state["causal_network"].get("picked")
        if isinstance(node, int):
            choose(node)

    graph = st.components.v2.component("sightline_pag", html="<div class='graph'></div>", js=_GRAPH_JS, css=_CSS)
    identity = hashlib.sha256(page.encode()).hexdigest()[:16]
    graph(
        data={"page": packed(page), "id": identity, "height": HEIGHT + LEGEND, "title": "the causal graph"},
        key="causal_network",
        on_picked_change=clicked,
    )
    pointer = st.components.v2.component("sightline_pag_node", html="<span></span>", js=_POINTER_JS)
    pointer(data={"node": picked}, key="causal_network_node")
