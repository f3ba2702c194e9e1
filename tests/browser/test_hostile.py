"""A hostile question on its way through the whole app: it is shown letter by letter and does nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Dialog, Page, Request, expect

Settle = Callable[[Page], None]
Open = Callable[..., Page]
FRAME = 'iframe[title="the causal graph"]'
QUESTION = (
    "What color is the house <img src=x onerror=top.owned=1> <script>top.owned=1</script> "
    '[href](javascript:top.owned=1) "onmouseover=top.owned=1 <a href=//evil.example>:material/home: $x$ ?'
)
MARKUP = "document.querySelectorAll('img[src=x], a[href*=evil], a[href^=javascript], [onmouseover], [onerror]').length"


def go(page: Page, settle: Settle, name: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
    settle(page)


def handed_over(page: Page, settle: Settle, folder: Path) -> None:
    """The report stands alone in a browser and prints; the bundle is taken in again."""
    page.get_by_role("button", name="Report or bundle").click()
    page.get_by_role("button", name="Make the report").click()
    with page.expect_download() as report:
        page.get_by_role("button", name="Save the report").click()
    report.value.save_as(folder / "report.html")
    alone = page.context.new_page()
    asked: list[str] = []
    alone.on("request", lambda request: asked.append(request.url))
    alone.goto((folder / "report.html").as_uri())
    assert QUESTION[:60] in alone.locator("h2").first.inner_text()
    assert alone.evaluate(f"{MARKUP} === 0 && window.owned === undefined")
    assert [url for url in asked if not url.startswith("data:")] == [alone.url]
    assert alone.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert alone.pdf().startswith(b"%PDF")
    alone.close()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="More").first.click()
    page.get_by_role("menuitem", name="Save: run alone").click()
    with page.expect_download() as bundle:
        page.get_by_role("button", name="Save the run alone").click()
    bundle.value.save_as(folder / "run.zip")
    page.get_by_text("Import a bundle").click()
    page.locator(".st-key-import_bundle input[type=file]").set_input_files(folder / "run.zip")
    expect(page.get_by_test_id("stText").filter(has_text="is imported.")).to_be_visible()
    settle(page)


def test_markup_in_a_question_runs_nowhere_and_fetches_nothing(open_page: Open, settle: Settle, tmp_path: Path) -> None:
    page = open_page("Chat?scene=27")
    dialogs: list[Dialog] = []
    fetched: list[str] = []

    def asked_for(request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:", "about:")):
            fetched.append(request.url)

    def refused(dialog: Dialog) -> None:
        dialogs.append(dialog)
        dialog.dismiss()

    page.on("dialog", refused)
    page.on("request", asked_for)

    def harmless() -> None:
        for frame in page.frames:
            frame.wait_for_load_state()
            frame.wait_for_function(f"{MARKUP} === 0")  # unlike evaluate, it outlives a frame's first document
        assert page.evaluate("window.owned") is None
        assert not dialogs and not fetched

    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(QUESTION)
    box.press("Enter")
    expect(page.get_by_test_id("stChatMessage").nth(1)).to_contain_text("tokens")
    settle(page)
    expect(page.get_by_test_id("stChatMessage").first).to_contain_text(QUESTION)
    harmless()
    for name in ("Attention Explorer", "Relevancy", "Causal Graph"):
        go(page, settle, name)
        expect(page.get_by_text(QUESTION[:120]).first).to_be_visible()
        if name == "Relevancy":
            page.get_by_role("button", name="Copy as script").first.click()
            expect(page.get_by_text("import sightline").first).to_be_visible()
            page.keyboard.press("Escape")
        if name == "Causal Graph":
            page.frame_locator(FRAME).locator("canvas").wait_for()  # or an empty frame would be found harmless
        harmless()

    # Every word of the question becomes a node, and each tells what it is when it is pointed at.
    page.get_by_role("button", name="Settings").click()
    least = page.get_by_role("spinbutton", name="Least attention to words")
    least.fill("0")
    least.press("Enter")
    page.keyboard.press("Escape")
    settle(page)
    page.frame_locator(FRAME).locator("canvas").wait_for()
    page.wait_for_timeout(500)
    canvas = page.frame_locator(FRAME).locator("canvas")
    frame = next(frame for frame in page.frames if frame.parent_frame is not None)
    words: list[int] = frame.evaluate("nodes.get().filter(node => node.shape !== 'image').map(node => node.id)")
    assert len(words) > 5
    for number in words[:4]:
        x, y = frame.evaluate(
            "n => { const p = network.canvasToDOM(network.getPosition(n)); return [p.x, p.y] }", number
        )
        canvas.hover(position={"x": x, "y": y})
        page.wait_for_timeout(350)
        harmless()
    canvas.click(position={"x": x, "y": y})
    expect(
        page.get_by_text("Correlation with the target").or_(page.get_by_text("is what is explained"))
    ).to_be_visible()
    harmless()
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="History").click()
    expect(page.get_by_text("What color is the house <img").first).to_be_visible()
    settle(page)
    harmless()
    handed_over(page, settle, tmp_path)
    harmless()
