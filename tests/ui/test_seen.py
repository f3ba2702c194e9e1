"""The picture as the model sees it is one click from every map, and a crop is told before any map is read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.answer import Answer, Decoding, Question, Target
from core.images import as_image
from core.ui.chat.view import ChatView
from core.ui.state.workspace import Exchange, NamedImage, Workspace
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel

App = Callable[..., AppTest]
NOTE = "The model sees columns 100 to 200 of 300: 67% of the picture is never seen."
NOISE = np.random.default_rng(0).integers(0, 256, (100, 300, 3), dtype=np.uint8)
PAGES = ["1_Chat", "2_Attention_Explorer", "3_Relevancy", "4_Causal_Graph", "5_Mechanisms"]


@pytest.fixture(scope="module")
def answer(llava: TransformersModel) -> Answer:
    return ask(llava, Question("A dog?", Image.fromarray(NOISE), decoding=Decoding(max_new_tokens=2)))


def opened(app: App, page: str, answer: Answer) -> AppTest:
    at = app(None)
    work = at.session_state["workspace"]
    assert isinstance(work, Workspace)
    image = NamedImage(answer.question.images[0], "wide.png")
    work.choose_image(image)
    exchange = Exchange(answer.question, (image,), answer=answer)
    work.exchanges = [exchange]
    work.inspect(exchange)
    work.target = Target((1,))
    work.view(ChatView).lens = "Mask and re-ask"
    at.switch_page(f"pages/{page}.py").run()
    assert not at.exception and not at.error
    return at


def captions(at: AppTest) -> str:
    return "\n".join(caption.value for caption in at.caption)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_tells_of_the_crop_and_opens_the_picture_as_it_is_seen(app: App, answer: Answer, page: str) -> None:
    at = opened(app, page, answer)
    assert NOTE in captions(at)
    buttons = [button for button in at.button if str(button.key).startswith("seen_")]
    assert len(buttons) >= (1 if page == "1_Chat" else 2), "one for the bar, one for the map"
    buttons[-1].click().run()
    assert not at.exception and not at.error
    assert "33% of the picture is seen" in captions(at)
    assert "columns 100 to 200, rows 0 to 100 → 56 × 56 px" in captions(at)


def test_a_mask_over_the_part_that_is_cut_off_says_that_it_shows_nothing(app: App, answer: Answer) -> None:
    at = opened(app, "1_Chat", answer)
    draft = at.session_state["workspace"].mask_for(answer.question.images[0])
    draft.become(np.indices((100, 300))[1] < 90)
    at.run()
    assert "0 of 16 patches covered (outlined), 30% of the picture." in captions(at)
    assert "The model sees none of what is hidden" in captions(at)
    draft.become(np.indices((100, 300))[1] < 150)
    at.run()
    assert "The model sees 33% of what is hidden." in captions(at)


def test_a_picture_that_was_shrunk_says_so_where_it_is_chosen(app: App) -> None:
    at = app()
    large = as_image(Image.new("RGB", (4000, 3000)))
    at.session_state["workspace"].choose_image(NamedImage(large, "large.png"))
    at.run()
    assert "The picture was 4000 × 3000 px and was shrunk to 2048 × 1536 when it was opened." in captions(at)
