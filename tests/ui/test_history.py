"""The History page without a browser: what is listed, changed, compared, handed over, taken in and brought back."""

from __future__ import annotations

import re
import shlex
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.answer import Decoding, Question, Target
from core.runs import info
from core.runs.budget import StoreLimits
from core.runs.bundle import export_bundle
from core.runs.store import RunStore
from core.runs.turns import Exchange
from core.ui.history import bundles
from core.ui.widgets import taking
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel

App = Callable[..., AppTest]
PAGE = "pages/7_History.py"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """A folder for runs of this test's own, which the page lists."""
    monkeypatch.setenv("SIGHTLINE_DATA", str(tmp_path / "data"))
    return RunStore()


def asked(store: RunStore, *questions: str, title: str = "") -> str:
    with store.create(title) as run:
        for question in questions:
            run.add(Exchange(Question(question)))
    return run.id


def texts(at: AppTest) -> str:
    """All that is written, without the marks that keep text from being markup."""
    written = "\n".join(element.value for element in (*at.text, *at.caption, *at.markdown, *at.info))
    return re.sub(r"\\([^\w\s])", r"\1", written)


def titles(at: AppTest) -> list[str]:
    """The titles of the runs that are listed, in their order."""
    return [element.value.strip("*").replace("\\", "") for element in at.markdown if element.value.startswith("**")]


def click(at: AppTest, key: str) -> AppTest:
    at.button(key=key).click().run()
    assert not at.exception
    return at


def more(at: AppTest, id_: str, what: str) -> AppTest:
    at.menu_button(key=f"more_{id_}").click(what).run()
    assert not at.exception
    return at


def test_an_empty_history_says_what_will_be_there_and_loads_no_model(app: App, store: RunStore) -> None:
    at = app(PAGE)
    assert "Nothing is kept yet" in texts(at) and not at.exception
    assert not store.folder.exists()


def test_runs_are_found_by_their_words_and_named(app: App, store: RunStore) -> None:
    house, dog = asked(store, "What color is the house?"), asked(store, "Is there a dog?")
    at = app(PAGE)
    assert "2 runs" in texts(at) and set(titles(at)) == {"What color is the house?", "Is there a dog?"}
    at.text_input(key="history_search").set_value("HOUSE").run()
    assert titles(at) == ["What color is the house?"]
    more(at, house, "Title, tags and notes")
    at.text_input[1].set_value("My house")
    at.text_input[2].set_value("walls, doors , ")
    at.text_area[0].set_value("see page 4")
    at.button[[button.label for button in at.button].index("Save")].click().run()
    kept = store.info(house).manifest
    assert kept is not None and (kept.title, kept.tags, kept.notes) == ("My house", ("walls", "doors"), "see page 4")
    at.text_input(key="history_search").set_value("doors page").run()
    assert titles(at) == ["My house"] and ":gray-badge[walls]" in texts(at)
    more(at, house, "Duplicate")
    assert len(store.list()) == 3 and dog in {run.id for run in store.list()}


def test_a_run_whose_conversation_was_cleared_says_what_was_asked_before(app: App, store: RunStore) -> None:
    with store.create() as run:
        for question in ("What color is the house?", "And the door?"):
            run.add(Exchange(Question(question)))
        run.cut(0, "cleared")
    told = texts(app(PAGE))
    assert "0 questions, 2 left by Edit or Clear" in told and "→ no answer" in told


def test_a_deleted_run_comes_back_until_the_trash_is_emptied_which_asks(app: App, store: RunStore) -> None:
    id_, other = asked(store, "Which?"), asked(store, "And this?")
    at = more(app(PAGE), id_, "Delete")
    assert [run.id for run in store.list()] == [other] and "“Which?” is in the trash." in texts(at)
    click(at, "undo_delete")
    assert len(store.list()) == 2 and "is back" in texts(at)
    more(at, id_, "Delete")
    more(at, other, "Delete")
    click(at, f"back_{other}")
    assert [run.id for run in store.list()] == [other]
    click(at, "empty_trash")
    assert len(store.trash()) == 1 and "cannot be undone" in texts(at)
    click(at, "keep_trash")
    click(click(at, "empty_trash"), "really_empty")
    assert store.trash() == () and "The trash is empty" in texts(at)


def test_a_run_that_another_tab_keeps_is_not_deleted_under_it(app: App, store: RunStore) -> None:
    id_ = asked(store, "Which?")
    with store.open(id_):
        at = more(app(PAGE), id_, "Delete")
        assert "open in another tab" in texts(at) and len(store.list()) == 1
        more(at, id_, "Title, tags and notes")
        at.button[[button.label for button in at.button].index("Save")].click().run()
        assert "open in another tab" in texts(at)
    more(at, id_, "Delete")
    assert store.list() == ()


def test_a_damaged_run_is_listed_with_its_sentence(app: App, store: RunStore) -> None:
    id_ = asked(store, "Which?")
    (store.folder / "runs" / id_ / "run.json").write_text("{")
    at = app(PAGE)
    assert "Damaged run" in texts(at) and "run.json is damaged" in texts(at)
    assert at.menu_button(key=f"more_{id_}").options[-1] == ":material/delete: Delete"
    more(at, id_, "Save: run alone")
    assert [button.label[:18] for button in at.download_button] == ["Save the run alone"]
    more(at, id_, "Delete")
    assert len(store.trash()) == 1


def test_what_others_wrote_is_shown_letter_by_letter(app: App, store: RunStore) -> None:
    bad = "<b>x</b> [l](http://e.vil) **y** :material/home: $z$"
    id_ = asked(store, bad, title=bad)
    with store.open(id_) as run:
        run.tag("] :red[x")
        run.note(bad)
    at = app(PAGE)
    marked = [element.value for element in (*at.markdown, *at.caption)]
    assert not any(piece in value for value in marked for piece in ("<b>", "](http", "**y**", ":material/home", "$z$"))
    assert r":gray-badge[\] \:red\[x]" in marked


def test_the_server_takes_what_uploaders_offer_to_take() -> None:
    config = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["server"]["maxUploadSize"] >= max(bundles.MOST_MEGABYTES, taking.MOST_MEGABYTES)


def test_what_is_too_large_for_the_browser_is_written_by_a_command(
    app: App, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = asked(store, "Which?")
    at = app(PAGE)
    monkeypatch.setattr(bundles, "too_large", lambda file: True)
    more(at, id_, "Save: run alone")
    assert not at.download_button
    [command] = [code.value for code in at.code if id_ in code.value]
    assert command == f"sightline runs export {id_} which.zip --data {shlex.quote(str(store.folder))}"
    assert "`sightline runs import FILE.zip" in "".join(caption.value for caption in at.caption)


def test_a_bundle_is_handed_over_and_taken_in_and_a_broken_one_told(app: App, store: RunStore, tmp_path: Path) -> None:
    id_ = asked(store, "Which?")
    at = app(PAGE)
    for handed in ("report", "bundle", "run alone"):
        more(at, id_, f"Save: {handed}")
        assert [button.label.split(" (")[0] for button in at.download_button] == [f"Save the {handed}"]
    file = tmp_path / "run.zip"
    with store.open(id_, only_look=True) as run:
        export_bundle(run, file)
    at.file_uploader[0].upload("run.zip", file.read_bytes(), "application/zip").run()
    assert len(store.list()) == 2 and "“Which?” is imported." in texts(at)
    at.file_uploader[0].upload("../<b>.zip", b"PK no", "application/zip").run()
    assert not at.exception and len(store.list()) == 2
    assert "“<b>.zip” is no bundle, or a damaged one" in texts(at)


def test_two_runs_stand_side_by_side_question_by_question(app: App, store: RunStore, llava: TransformersModel) -> None:
    image = Image.radial_gradient("L").convert("RGB").resize((60, 40))
    ids, answers = [], []
    for number in (3, 4):
        answer = ask(llava, Question("What is it?", (image,), decoding=Decoding(max_new_tokens=number)))
        with store.create() as run:
            run.add(Exchange(Question(f"Only in {number}?")))
            turn = run.add(Exchange(answer.question, answer), llava.card)
            run.set_target(turn.id, Target((1,)))
        ids.append(run.id)
        answers.append(answer)
    at = app(PAGE)
    for id_ in ids:
        at.checkbox(key=f"choose_{id_}").check().run()
    click(at, "compare_runs")
    said = texts(at)
    same = int(answers[0].text.strip() == answers[1].text.strip())
    assert f"1 question in both, {same} with the same answer." in said
    assert "Only in 3?" in said and "Only in 4?" in said
    assert all(f"{answer.tokens[1].logprob:.3f} nats" in said for answer in answers)
    assert len(at.get("vega_lite_chart")) == 1
    click(at, "end_compare")
    assert len(titles(at)) == 2


def test_limits_propose_and_delete_only_when_told(app: App, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        asked(store, f"Number {number}?")
    at = app(PAGE)
    at.number_input[0].set_value(5)
    at.button[[button.label for button in at.button].index("Set limits")].click().run()
    assert store.limits == StoreLimits(days=5.0) and not [button for button in at.button if button.key == "beyond_all"]
    later = time.time() + 10 * 86_400
    monkeypatch.setattr("core.ui.history.limits.time", lambda: later)
    at.run()
    assert len(store.list()) == 3 and "the limit is 5" in texts(at)
    click(at, "beyond_all")
    assert store.list() == () and len(store.trash()) == 3 and "3 runs are in the trash." in texts(at)


def test_of_many_runs_some_are_drawn_and_none_is_read_again(
    app: App, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(25):
        asked(store, f"Number {number}?")
    monkeypatch.setattr(info, "SETTLED", -1.0)
    at = app(PAGE)
    assert len(titles(at)) == 10
    monkeypatch.setattr(info, "_read", lambda folder: pytest.fail("read again"))
    at.pagination[0].set_value(3).run()
    assert not at.exception and len(titles(at)) == 5


def test_a_run_is_opened_in_chat_and_the_one_of_this_tab_can_be_named_and_deleted(
    app: App, store: RunStore, llava: TransformersModel
) -> None:
    answer = ask(llava, Question("What is it?", decoding=Decoding(max_new_tokens=2)))
    with store.create() as run:
        run.add(Exchange(answer.question, answer), llava.card)
    at = click(app(PAGE), f"open_{run.id}")
    assert at.title[0].value == "Chat" and "What is it?" in texts(at)
    at.switch_page(PAGE).run()
    more(at, run.id, "Title, tags and notes")
    at.text_input[-2].set_value("Mine")
    at.button[[button.label for button in at.button].index("Save")].click().run()
    assert not at.exception and store.info(run.id).title == "Mine"
    more(at, run.id, "Delete")
    assert store.list() == () and at.session_state["workspace"].exchanges == []
