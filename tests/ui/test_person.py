"""Several persons on one server: what is one's is not another's; and where it is not known who, nothing is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.gate.gate import PERSON
from core.gate.opening import Opening
from core.runs.store import RunStore
from core.ui.cases.view import CasesView
from core.ui.state import person
from core.ui.state.models import ModelStore
from core.vlm.loading import ModelSpec, ModelUnavailable

App = Callable[..., AppTest]
Be = Callable[[str | None], None]


@pytest.fixture
def be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Be:
    """`be(name)`: the pages drawn from here on are this person's."""
    monkeypatch.setenv("SIGHTLINE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(person, "the_opening", lambda: Opening({"ada": "1", "ben": "2"}, (), ()))

    def be_(name: str | None) -> None:
        monkeypatch.setattr(type(st.context), "headers", {} if name is None else {PERSON: name})

    return be_


def test_runs_and_results_of_one_are_nobody_elses(app: App, be: Be, tmp_path: Path) -> None:
    be("ada")
    at = app()
    at.chat_input(key="chat_question").set_value("Is the door open?").run()
    keeper = at.session_state["workspace"].run
    assert keeper.flush(30)
    persons = tmp_path / "data" / "persons"
    assert [run.id for run in RunStore(persons / "ada").list()] == [keeper.id] and not (tmp_path / "data/runs").exists()
    assert person.home() / "results" == persons / "ada" / "results"
    # Ben knows what the run is called, and Ada's tab, which has it in memory, is gone.
    be("ben")
    other = app("pages/1_Chat.py", {"run": keeper.id})
    told = " ".join(each.value for each in (*other.warning, *other.text, *other.error)).lower()
    assert not other.chat_message and "no run" in told
    assert other.session_state["workspace"].exchanges == [] and len(at.session_state["workspace"].exchanges) == 1
    assert not other.exception


@pytest.mark.parametrize("name", [None, "eve"])
def test_where_it_is_not_known_who_nothing_is_shown(app: App, be: Be, name: str | None) -> None:
    be(name)
    for page in ("Home.py", "pages/7_History.py"):
        at = app(page)
        [told] = at.error
        assert "not known for whom" in told.value and not at.title and not at.sidebar.button and not at.exception


def test_who_has_to_log_in_sees_nothing_before_and_is_known_by_their_account(
    app: App, be: Be, monkeypatch: pytest.MonkeyPatch
) -> None:
    be("ada")
    who: dict[str, object] = {"is_logged_in": False}
    monkeypatch.setattr(type(st.user), "to_dict", lambda _: who)
    at = app()
    assert [button.label for button in at.button] == ["Log in"] and not at.sidebar.text and not at.exception
    who |= {"is_logged_in": True, "iss": "https://id.example.org", "sub": "7"}
    first = person.person()
    assert app().title[0].value == "Chat" and first is not None and first.startswith("login-")
    who["sub"] = "8"
    assert person.person() != first
    del who["sub"], who["iss"]
    assert "gave no account" in app().error[0].value


def test_models_are_loaded_from_opened_folders_alone(tiny: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, store = Path(tiny.source), ModelStore()
    monkeypatch.setattr("core.gate.folders.the_opening", lambda: Opening(roots=()))
    for spec in (tiny, ModelSpec("/no/such"), replace(store_spec(), adapter=tiny.source)):
        for ask in (store.estimate, store.fits_beside, store.is_here, lambda spec: store.get(spec, lambda _: None)):
            with pytest.raises(ModelUnavailable, match="No folder was opened"):
                ask(spec)
    # A folder of this program's that is called as models of the hub are.
    monkeypatch.chdir(folder.parent.parent)
    with pytest.raises(ModelUnavailable, match="No folder was opened"):
        store.is_here(ModelSpec(f"{folder.parent.name}/{folder.name}"))
    assert not store.is_here(ModelSpec("nobody/nothing-of-this-name")) and store.is_here(store_spec())
    monkeypatch.setattr("core.gate.folders.the_opening", lambda: Opening(roots=(folder.parent,)))
    assert store.is_here(tiny)


def store_spec() -> ModelSpec:
    """The model that the server was started with, in another precision."""
    from core.vlm.loading import EMBEDDED

    return replace(EMBEDDED, dtype="bfloat16")


def test_folders_and_files_of_cases_must_be_open(
    app: App, tiny: ModelSpec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opening = Opening(roots=(tmp_path, Path(tiny.source)))
    monkeypatch.setattr("core.gate.folders.the_opening", lambda: opening)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    at = app(None)
    at.session_state["workspace"].view(CasesView).section = "Benchmarks from a folder"
    at.switch_page("pages/6_Case_Studies.py").run()
    at.text_input(key="cases_folder").set_value("/etc").run()
    at.button(key="cases_check").click().run()
    assert any("not below a folder opened" in text.value for text in at.text)
    at.selectbox(key="cases_format").select("street").run()
    at.button(key="cases_check").click().run()
    file = next(field for field in at.text_input if field.label == "Results file")
    file.set_value("/etc/results.jsonl").run()
    assert any("not below a folder opened" in text.value for text in at.text)
    assert "Run" not in [button.label for button in at.button] and not at.exception
