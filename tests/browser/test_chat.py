"""What a person does on Home and Chat, in a real browser."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

Settle = Callable[[Page], None]
Open = Callable[..., Page]


def button(page: Page, name: str) -> Locator:
    # The canvas has tools of its own, out of sight; ours come first.
    return page.get_by_role("button", name=name, exact=True).first


def send(page: Page, text: str) -> None:
    """Type a question and press Enter, once it may be sent: while a pasted picture is on its way it may not."""
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(text)
    expect(page.get_by_test_id("stChatInputSubmitButton")).to_be_enabled()
    box.press("Enter")


def ask(page: Page, settle: Settle, text: str, number: int) -> Locator:
    """Type a question; returns the message that answers it (the `number`-th exchange)."""
    send(page, text)
    answer = page.get_by_test_id("stChatMessage").nth(2 * number - 1)
    expect(answer).to_contain_text(re.compile(r"\d+ tokens · "))
    settle(page)
    return answer


def choose(page: Page, settle: Settle, name: str) -> None:
    """Choose one of a row of choices: what to look into, or the tool to draw with."""
    page.get_by_role("radio", name=name).or_(page.get_by_role("button", name=name, exact=True)).first.click()
    settle(page)


def canvas(page: Page) -> Locator:
    """The drawing surface, once a former one has been taken down."""
    upper = page.locator("canvas.upper-canvas")
    expect(upper).to_have_count(1)
    upper = upper.last
    upper.scroll_into_view_if_needed()
    return upper


def drag(page: Page, *points: tuple[float, float]) -> None:
    """Draw on the canvas through points given as shares of its width and height."""
    box = canvas(page).bounding_box()
    assert box is not None
    spots = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*spots[0])
    page.mouse.down()
    for spot in spots[1:]:
        page.mouse.move(*spot, steps=8)
    page.mouse.up()


def covered(page: Page) -> Locator:
    return page.get_by_text(re.compile(r"\d+ of 144 patches covered"))


def covered_count(page: Page) -> int:
    match = re.match(r"(\d+) of", covered(page).inner_text())
    assert match is not None
    return int(match[1])


def chips(page: Page) -> Locator:
    return page.locator('[class*="st-key-chips_"] [data-testid="stButtonGroup"] button')


@pytest.fixture
def chat(open_page: Open) -> Page:
    """Chat about scene 27, with nothing asked yet."""
    return open_page("Chat?scene=27")


def test_one_click_on_home_asks_the_first_question(page: Page, settle: Settle) -> None:
    expect(page.get_by_text("The model is ready")).to_be_visible()
    button(page, "Is the truck's door open?").click()
    expect(page.get_by_role("heading", name="Chat")).to_be_visible()
    expect(page.get_by_test_id("stChatMessage").nth(1)).to_contain_text(re.compile(r"\d+ tokens"))
    settle(page)
    expect(chips(page).first).to_be_visible()


def test_settled_means_that_a_click_has_had_its_effect(chat: Page, settle: Settle) -> None:
    """The other tests stand on this, so nothing here waits but `settle`."""
    for number in (1, 2, 3):
        button(chat, "What color is the house?").click()
        settle(chat)
        assert chat.get_by_test_id("stChatMessage").count() == 2 * number
        assert chips(chat).count() > 2


def test_clicking_a_token_shows_alternatives_and_survives_a_page_switch(chat: Page, settle: Settle) -> None:
    ask(chat, settle, "What color is the house?", 1)
    chips(chat).nth(1).click()
    expect(chat.get_by_text(re.compile(r"^Token 2 of"))).to_be_visible()
    settle(chat)
    expect(chat.locator(".vega-embed").first).to_be_visible()
    target = chat.get_by_text(re.compile(r"^Target: ")).inner_text()

    chat.get_by_role("link", name="Home").click()
    expect(chat.get_by_role("heading", name="Ask a first question")).to_be_visible()
    settle(chat)
    chat.get_by_test_id("stSidebarNav").get_by_role("link", name="Chat").click()
    expect(chat.get_by_role("heading", name="Chat")).to_be_visible()
    settle(chat)

    expect(chat.get_by_test_id("stChatMessage")).to_have_count(2)
    expect(chat.get_by_text(re.compile(r"^Target: "))).to_have_text(target)
    expect(chat.get_by_text(re.compile(r"^Token 2 of"))).to_be_visible()


def test_a_region_is_drawn_undone_inverted_and_snapped(chat: Page, settle: Settle) -> None:
    ask(chat, settle, "What color is the house?", 1)
    choose(chat, settle, "Mask and re-ask")
    drag(chat, (0.26, 0.26), (0.49, 0.49))
    expect(covered(chat)).to_be_visible()
    settle(chat)
    # Patches are a twelfth wide, and 0.26 to 0.49 touches the columns and rows 3, 4 and 5.
    assert covered_count(chat) == 9

    button(chat, "Invert").click()
    # Only the patch in the middle of the region shows all of its pixels now.
    expect(covered(chat)).to_contain_text("143 of 144")
    settle(chat)
    button(chat, "Undo").click()
    expect(covered(chat)).to_contain_text("9 of 144")
    settle(chat)

    chat.get_by_text("Snap to patches").click()
    expect(covered(chat)).to_contain_text("6% of the picture")
    settle(chat)
    button(chat, "Undo").click()
    expect(chat.get_by_text("Nothing is hidden yet")).to_be_visible()


@pytest.mark.parametrize(
    ("tool", "points", "least", "most"),
    [
        ("brush", [(0.1, 0.5), (0.9, 0.5)], 10, 40),
        ("polygon", [(0.1, 0.1), (0.9, 0.1), (0.1, 0.9)], 40, 75),
    ],
)
def test_brush_and_polygon_hide_what_they_cover(
    chat: Page, settle: Settle, tool: str, points: list[tuple[float, float]], least: int, most: int
) -> None:
    ask(chat, settle, "What color is the house?", 1)
    choose(chat, settle, "Mask and re-ask")
    choose(chat, settle, tool)
    if tool == "brush":
        drag(chat, *points)
    else:
        box = canvas(chat).bounding_box()
        assert box is not None
        for x, y in [*points, points[0]]:
            chat.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    expect(covered(chat)).to_be_visible()
    settle(chat)
    assert least <= covered_count(chat) <= most


def test_asking_again_without_a_region_sets_both_answers_side_by_side(chat: Page, settle: Settle) -> None:
    ask(chat, settle, "What color is the house?", 1)
    choose(chat, settle, "Mask and re-ask")
    drag(chat, (0.4, 0.5), (0.99, 0.99))
    expect(covered(chat)).to_be_visible()
    settle(chat)
    button(chat, "Ask again without it").click()
    expect(chat.get_by_text("The original answer", exact=True)).to_be_visible()
    settle(chat)
    expect(
        chat.get_by_text(
            re.compile("^The original answer's log-probability changes by .* nats under the masked picture")
        )
    ).to_be_visible()
    figures = chat.locator('[data-testid="stVegaLiteChart"]')
    expect(figures).to_be_visible()
    expect(chat.get_by_text("Asked again with regions hidden: 1")).to_be_visible()
    rows = chat.get_by_test_id("stDataFrame")
    rows.scroll_into_view_if_needed()
    box = rows.bounding_box()
    assert box is not None
    rows.hover()
    expect(chat.locator('[aria-label^="Search: re-asks"]')).to_be_visible()
    expect(chat.locator('[aria-label^="Download as CSV"]')).to_be_hidden()  # it would write formulas
    chat.mouse.click(box["x"] + 16, box["y"] + 37 + 32)  # the mark of the first row
    settle(chat)
    button(chat, "Open again").click()
    settle(chat)
    expect(chat.get_by_text("The original answer", exact=True)).to_be_visible()

    chat.get_by_role("link", name="Home").click()
    expect(chat.get_by_role("heading", name="Ask a first question")).to_be_visible()
    settle(chat)
    chat.get_by_test_id("stSidebarNav").get_by_role("link", name="Chat").click()
    expect(covered(chat)).to_be_visible()
    expect(chat.get_by_text("The original answer", exact=True)).to_be_visible()


def test_phrasings_are_compared_with_a_verdict_and_a_table(chat: Page, settle: Settle) -> None:
    choose(chat, settle, "Compare phrasings")
    button(chat, "Compare").click()
    expect(chat.locator('[class*="st-key-verdict_"]')).to_have_count(1)
    settle(chat)
    expect(chat.locator('[data-testid="stVegaLiteChart"]')).to_be_visible()
    button(chat, "Add a phrasing").click()
    expect(chat.get_by_label("Phrasing 3")).to_be_visible()
    chat.get_by_label("Phrasing 3").fill("Which colour does the house have?")
    button(chat, "Compare").click()  # at once: what was typed is heard of with this click
    expect(chat.get_by_text("Fill in every phrasing")).to_have_count(0)
    expect(chat.get_by_text("The phrasings have changed since")).to_have_count(0)


def test_editing_a_question_drops_what_came_after_it(chat: Page, settle: Settle) -> None:
    ask(chat, settle, "What color is the house?", 1)
    ask(chat, settle, "What color is the car?", 2)
    chat.get_by_role("button", name="Edit").first.click()
    expect(chat.get_by_text("drops this answer and the exchange after it")).to_be_visible()
    settle(chat)
    chat.get_by_label("Change the question").fill("What color is the bird?")
    button(chat, "Send again").click()
    expect(chat.get_by_test_id("stChatMessage")).to_have_count(2)
    expect(chat.get_by_test_id("stChatMessage").first).to_contain_text("What color is the bird?")
    expect(chat.get_by_test_id("stChatMessage").nth(1)).to_contain_text(re.compile(r"\d+ tokens"))


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.png", b"this is no picture"),
        ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
        ("cut.png", png(Image.effect_noise((300, 300), 60))[:4000]),
    ],
)
def test_a_bad_file_gets_a_sentence_and_the_conversation_stays(
    chat: Page, settle: Settle, name: str, data: bytes
) -> None:
    ask(chat, settle, "What color is the house?", 1)
    chat.get_by_text("Another picture").click()
    chat.get_by_role("tab", name="Your own").click()
    chat.locator('[data-testid="stFileUploader"] input[type=file]').set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": data}
    )
    expect(chat.get_by_text("This file could not be used")).to_be_visible()
    settle(chat)
    expect(chat.get_by_test_id("stChatMessage")).to_have_count(2)
    expect(chat.get_by_text("scene 27 · 168 × 168 px")).to_be_visible()
    ask(chat, settle, "What color is the car?", 2)


def test_a_picture_is_pasted_into_the_question_box(chat: Page, settle: Settle) -> None:
    chat.get_by_test_id("stChatInputTextArea").evaluate(
        """async (box) => {
            const canvas = document.createElement('canvas');
            canvas.width = 90; canvas.height = 60;
            canvas.getContext('2d').fillRect(0, 0, 40, 40);
            const blob = await new Promise(done => canvas.toBlob(done, 'image/png'));
            const clipboard = new DataTransfer();
            clipboard.items.add(new File([blob], 'pasted.png', {type: 'image/png'}));
            box.dispatchEvent(new ClipboardEvent('paste', {clipboardData: clipboard, bubbles: true, cancelable: true}));
        }"""
    )
    expect(chat.get_by_test_id("stChatInput").get_by_text("pasted.png")).to_be_visible()
    ask(chat, settle, "What is in the picture?", 1)
    expect(chat.get_by_text("pasted.png · 90 × 60 px")).to_be_visible()


def test_a_link_restores_picture_and_question_and_runs_nothing(open_page: Open, settle: Settle) -> None:
    page = open_page("Chat?scene=27&changes=man.shirt:yellow,-cat&q=What+color+is+the+man%27s+shirt%3F")
    expect(page.get_by_text("scene 27, man's shirt is yellow, no cat")).to_be_visible()
    expect(page.get_by_test_id("stChatMessage")).to_have_count(0)
    button(page, "Ask this question").click()
    expect(page.get_by_test_id("stChatMessage").nth(1)).to_contain_text(re.compile(r"\d+ tokens"))
    settle(page)
    assert "scene=27" in page.url and "changes=" in page.url and "q=" in page.url


def test_a_link_to_an_unknown_model_asks_first(open_page: Open, settle: Settle, tmp_path: Path) -> None:
    page = open_page(f"Chat?scene=27&model={tmp_path}")
    expect(page.get_by_text("Another model is asked for")).to_be_visible()
    button(page, "Load it").click()
    expect(page.get_by_text("The model could not be loaded")).to_be_visible()
    settle(page)
    ask(page, settle, "What color is the house?", 1)


def test_text_is_shown_letter_by_letter(chat: Page, settle: Settle) -> None:
    tricky = "<b>bold</b> **stars** $x^2$ :red[no] ‮reversed‬ שלום 🐕"
    ask(chat, settle, tricky, 1)
    message = chat.get_by_test_id("stChatMessage").first
    expect(message).to_contain_text("<b>bold</b> **stars** $x^2$ :red[no]")
    assert message.locator("b, strong, .katex").count() == 0


def test_a_far_too_long_question_gets_a_sentence(chat: Page, settle: Settle) -> None:
    send(chat, "why " * 25_000)
    expect(chat.get_by_text("Not answered")).to_be_visible()
    settle(chat)
    ask(chat, settle, "What color is the house?", 2)


def test_nothing_is_fetched_from_elsewhere(open_page: Open, settle: Settle, app_url: str) -> None:
    page = open_page()
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Chat").click()
    expect(page.get_by_role("heading", name="Chat")).to_be_visible()
    settle(page)
    page.reload()
    settle(page)
    assert addresses
    assert [address for address in addresses if not address.startswith((app_url, "data:", "blob:", "ws:"))] == []
