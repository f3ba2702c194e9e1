"""A video on the pages: taken over as frames, masked through them, and told frame by frame."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

import core as sightline
from core.answer import Answer, Decoding, Question, Target, TokenLayout
from core.clips import Video
from core.geometry import image_name, images_name
from core.maps.files import csv_text
from core.ui.cases.view import AUDITS
from core.ui.chat.through import hidden_in_words
from core.ui.state.workspace import Exchange, NamedImage, Workspace, places_of
from core.ui.widgets.asked import in_words
from core.ui.widgets.map_downloads import drawn_over, times_line
from core.ui.widgets.taking import accept, largest_upload
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec
from tests.ui.charts import click, rows
from tests.ui.conftest import ROOT
from tests.videos import encoded_video, noisy_video

App = Callable[..., AppTest]
SHORT = Decoding(max_new_tokens=2)


@pytest.fixture(scope="session")
def watched(qwen: TransformersModel) -> Answer:
    """A question about four frames, of which the model merges two and two."""
    return ask(qwen, Question("What is it?", noisy_video(4), decoding=SHORT))


@pytest.fixture
def opened(qwen_folder: Path, watched: Answer) -> App:
    """`opened(page)` opens a page that looks into the answer about the video."""

    def open_(page: str) -> AppTest:
        work = Workspace(spec=ModelSpec(str(qwen_folder), "float32", "cpu"), decoding=SHORT)
        video = Video(watched.question.images, watched.question.clips[0])
        named = NamedImage(video.frames[0], "film.mp4", video=video)
        exchange = Exchange(watched.question, (named,), answer=watched)
        work.images, work.exchanges = (named,), [exchange]
        work.inspect(exchange)
        work.target = Target((1,))
        at = AppTest.from_file(str(ROOT / "Home.py"), default_timeout=60)
        at.session_state["workspace"] = work
        at.switch_page(f"pages/{page}.py").run()
        assert not at.exception and not at.error
        return at

    return open_


def work_of(at: AppTest) -> Workspace:
    work = at.session_state["workspace"]
    assert isinstance(work, Workspace)
    return work


def moving_gif() -> bytes:
    file = io.BytesIO()
    first, *others = [Image.new("L", (60, 40), 40 * number) for number in range(4)]
    first.save(file, "GIF", save_all=True, append_images=others, duration=250)
    return file.getvalue()


def test_a_video_file_becomes_the_frames_that_the_processor_takes(qwen: TransformersModel) -> None:
    work = Workspace(frames=4)
    assert accept(work, qwen, [(encoded_video(), "film.mp4")])
    [taken] = work.images
    assert taken.video is not None and len(taken.video.frames) == 4 and "4 of 24 frames (3.0 s)" in taken.note
    question = work.question("What happens?")
    assert [clip.name for clip in question.clips] == ["film.mp4"] and len(question.images) == 4


def test_a_model_that_takes_no_video_says_so_and_sees_a_picture_in_a_gif(llava: TransformersModel) -> None:
    work = Workspace()
    assert not accept(work, llava, [(encoded_video(), "film.mp4")])
    assert "not about videos" in (work.image_trouble or "") and not work.images
    assert accept(work, llava, [(moving_gif(), "film.gif")])
    assert work.images[0].video is None and "first frame" in work.images[0].note


def test_without_the_package_the_sentence_names_it(
    qwen: TransformersModel, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    work = Workspace()
    assert not accept(work, qwen, [(encoded_video(), "film.mp4")])
    assert "sightline[video]" in (work.image_trouble or "")
    # Where the package would not help, it is not named.
    assert not accept(work, llava, [(encoded_video(), "film.mp4")])
    assert "not about videos" in (work.image_trouble or "")
    assert (largest_upload(qwen), largest_upload(llava)) == (200, 20)


def test_a_video_has_one_place_among_the_words(picture: Image.Image) -> None:
    work = Workspace(images=(NamedImage(picture, "a"), NamedImage(picture, "b", video=noisy_video(3))))
    first = work.question("see now", (0, 4))
    assert in_words(first) == "⟨picture 1⟩ see ⟨video⟩ now" and places_of(first) == (0, 4)
    work.exchanges.append(Exchange(first, work.images, answer=answered(first)))
    assert work.question("and then?").images_at == (0, 4, 4, 4)


def answered(question: Question) -> Answer:
    return Answer(question, "model", "yes", (), (), TokenLayout((), (), ()), {}, 0.1, "end")


def test_frames_are_named_by_number_and_time(watched: Answer, picture: Image.Image) -> None:
    question = watched.question
    assert image_name(question, 2) == "frame 3 (1.0 s)"
    assert images_name(question, range(2, 4)) == "frames 3 and 4 (1.0 and 1.5 s)"
    two = Question("?", [picture, noisy_video(2), noisy_video(2)])
    assert (image_name(two, 0), image_name(two, 3)) == ("picture 1", "frame 1 of video 2 (0.0 s)")


def test_exports_name_the_frame_and_its_time(watched: Answer, qwen: TransformersModel) -> None:
    over = drawn_over(watched, 2)
    assert over.only == (2,) and over.titled("A map") == "A map, frames 3 and 4 (1.0 and 1.5 s)"
    assert over.named("relevancy-it") == "relevancy-it-frames-3-and-4-1-0-and-1-5-s"
    assert "frame 3 at 1.0 s, frame 4 at 1.5 s" in times_line(watched.question.clips[0])
    header, *lines = csv_text(watched, [sightline.explain(qwen, watched, method="raw_attention")]).splitlines()[1:]
    assert header.split(",")[-3:-1] == ["from_second", "to_second"]
    assert {tuple(line.split(",")[-3:-1]) for line in lines} == {("", ""), ("0.0", "0.5"), ("1.0", "1.5")}


@pytest.mark.parametrize("page", ["2_Attention_Explorer", "3_Relevancy"])
def test_a_map_is_told_frame_by_frame(opened: App, page: str) -> None:
    at = opened(page)
    shares = [row["value"] for row in rows(at, "frame_shares") if "value" in row]
    assert sum(shares[:2]) == pytest.approx(1)
    assert any("frames 1 and 2 (0.0 and 0.5 s) as one" in caption.value for caption in at.caption)
    click(at, "frame_shares", "moment", {"moment": 1})
    assert not at.exception and work_of(at).shown_image == 2
    assert any(box.options[box.index] == "frame 3 of 4 (1.0 s)" for box in at.selectbox if box.index is not None)
    if page == "2_Attention_Explorer":
        return
    at.button(key="frame_maps_0").click().run()
    assert work_of(at).shown_image == 0
    at.button(key="hide_frames").click().run()
    assert not at.exception and not at.error
    changes = [row["value"] for row in rows(at, "frame_changes") if "value" in row]
    assert len(changes[:2]) == 2 and not [button for button in at.button if button.key == "hide_frames"]


def test_wordings_of_a_question_about_a_video_are_audited_with_it(opened: App) -> None:
    at = opened("6_Case_Studies")
    at.segmented_control(key="cases_section").select("Phrasing audit").run()
    next(box for box in at.text_area if box.label.startswith("Wordings")).set_value("What?\nWho?").run()
    at.button(key="audit_run").click().run()
    [audit] = work_of(at).results.of(AUDITS).values()
    assert not at.exception and all(len(answer.question.clips) == 1 for answer in audit.answers)


@pytest.mark.parametrize("page", ["4_Causal_Graph", "5_Mechanisms"])
def test_other_pages_take_a_question_with_a_video(opened: App, page: str) -> None:
    at = opened(page)
    boxes = [box for box in at.selectbox if str(box.key).startswith("picture_number_")]
    assert "frame 4 of 4 (1.5 s)" in boxes[0].options
    for box in boxes:
        box.select(3).run()
    assert not at.exception and not at.error


def test_a_region_drawn_once_is_hidden_through_frames(opened: App, watched: Answer) -> None:
    at, clip = opened("1_Chat"), watched.question.clips[0]
    work_of(at).mask_for(watched.question.images[0], 0).become(np.indices((80, 120))[1] < 60)
    at.segmented_control(key="lens").select("Mask and re-ask").run()
    at.segmented_control(key=f"mask_through_{clip.content}").select("every frame").run()
    at.button(key="ask_again").click().run()
    reasked = work_of(at).reasked
    assert not at.exception and reasked is not None
    assert [mask.image for mask in reasked.answer.question.masks] == [0, 1, 2, 3]
    assert (
        hidden_in_words(reasked.original.question, reasked.answer.question.masks) == "50% of every frame hidden (black)"
    )
    at.segmented_control(key=f"mask_through_{clip.content}").select("chosen frames").run()
    at.multiselect(key=f"mask_frames_{clip.content}").set_value([1, 3]).run()
    at.button(key="masked_1").click().run()
    at.button(key="mask_whole").click().run()
    at.button(key="ask_again").click().run()
    reasked = work_of(at).reasked
    assert not at.exception and reasked is not None
    assert [(mask.image, bool(mask.hidden.all())) for mask in reasked.answer.question.masks] == [(1, True), (3, True)]
