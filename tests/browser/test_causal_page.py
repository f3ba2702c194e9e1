"""The causal graph's page in a real browser: it runs without a network, runs nothing of its labels, hears clicks."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from playwright.sync_api import BrowserContext

from core.causal.explanation import explain_node
from core.causal.pag import Pag
from core.charts.drawn import DrawnNode
from core.charts.pag import pag_page

LABELS = ("</script><script>document.title='owned'</script>", "<img src=x onerror=\"document.title='owned'\">", "href")


def test_hostile_labels_are_text_and_a_click_names_its_node(context: BrowserContext, tmp_path: Path) -> None:
    graph = Pag.parse(4, ["0 o-> 3", "1 <-> 3", "2 --> 1"])
    picture = Image.new("RGB", (9, 9), "#336699")
    nodes = [DrawnNode(label, None, (label,)) for label in LABELS] + [DrawnNode("cat", picture)]
    (tmp_path / "graph.html").write_text(pag_page(graph, explain_node(graph, 3), nodes, height=500), encoding="utf-8")
    page = context.new_page()
    page.set_viewport_size({"width": 800, "height": 640})
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.add_init_script("window.heard = []; window.addEventListener('message', e => window.heard.push(e.data))")
    page.goto((tmp_path / "graph.html").as_uri())
    page.wait_for_selector("canvas")
    page.wait_for_function("typeof network === 'object' && network.getScale() > 0")
    page.wait_for_timeout(500)
    for node in range(4):
        spot = page.evaluate(
            "n => { const p = network.canvasToDOM(network.getPosition(n));"
            "const r = document.querySelector('canvas').getBoundingClientRect(); return [p.x + r.left, p.y + r.top]; }",
            node,
        )
        page.mouse.move(*spot)
        page.mouse.click(*spot)
        page.wait_for_function("n => window.heard.length === n", arg=node + 1)
    assert page.evaluate("window.heard.map(e => [e.sightline, e.node])") == [["node", node] for node in range(4)]
    assert page.title() != "owned"
    assert [url for url in fetched if not url.startswith(("data:", "file:"))] == []
    page.close()
