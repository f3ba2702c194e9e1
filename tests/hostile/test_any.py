"""Whatever is typed, pasted, uploaded or followed: a value, or a sentence of ours. Few examples; `make hostile` has
more."""

from __future__ import annotations

import csv
import io
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.answer import Answer
from core.cases.formats.registry import read_folder
from core.cases.journal import Journal, each_line
from core.cases.league import KIND as LEAGUE
from core.cases.ranking import check_line, ranking
from core.cases.tables import read_csv, read_json
from core.errors import FolderError, FolderNotOpen, JournalError, RunError, SightlineError, UnreadableRecipe
from core.gate.folders import allowed
from core.gate.opening import Opening
from core.images import display_name, open_image, plain_name
from core.runs.bundle import export_bundle, import_bundle
from core.runs.kinds import EXPLANATION
from core.runs.run import Run
from core.runs.store import RunStore
from core.spreadsheet import csv_table
from core.street.recipe import from_params
from core.vlm.loading import on_this_machine
from tests.hostile.bundles import bundles
from tests.hostile.journals import edited
from tests.hostile.links import ODD_VALUES, parameters
from tests.hostile.long import FEW, LONG
from tests.hostile.pictures import damaged_pictures
from tests.hostile.tables import of_any_cells, of_any_lines, tables
from tests.hostile.test_readers import LINE
from tests.hostile.texts import ALL, FORMULAS, LETTERS, texts
from tests.runs.conftest import answer, run, store
from tests.runs.test_run import explanation

__all__ = ["answer", "run", "store"]


@FEW
@given(texts())
@example(LETTERS["breaks"])
@example(LETTERS["turned"])
def test_a_name_becomes_a_label(name: str) -> None:
    for label in (plain_name(name), display_name(name)):
        assert len(label) <= 60 and len(label.splitlines()) <= 1
        assert not [one for one in label if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


@FEW
@given(parameters())
def test_the_parameters_of_an_address_are_a_scene_or_none(given_: dict[str, str]) -> None:
    try:
        from_params(given_.get("scene", ""), given_.get("changes", ""))
    except UnreadableRecipe as error:
        assert str(error).endswith(".")


def test_odd_parameters_of_an_address_are_told() -> None:
    odd = [(scene, "") for scene in ODD_VALUES["scene"] if scene != "0"]
    for scene, changes in (*odd, *(("27", changes) for changes in ODD_VALUES["changes"])):
        if changes.strip(",") or scene != "27":
            with pytest.raises(UnreadableRecipe):
                from_params(scene, changes)


@FEW
@given(texts())
def test_what_is_typed_for_a_model_is_here_is_not_or_is_refused(text: str) -> None:
    try:
        on_this_machine(text)
    except SightlineError as error:
        assert "\n" not in str(error)[:-1]


@FEW
@given(texts())
def test_what_is_typed_for_a_folder_stays_below_the_roots(text: str) -> None:
    root = Path("/usr/share")
    try:
        path = allowed(text, opening=Opening(roots=(root,)))
    except FolderNotOpen:
        return
    assert path.is_relative_to(root.resolve())


@FEW
@given(st.lists(st.lists(st.one_of(texts(), st.sampled_from(FORMULAS)), min_size=2, max_size=2), max_size=4), texts())
def test_no_cell_of_a_table_is_a_formula(rows: list[list[str]], name: str) -> None:
    read = list(csv.reader(io.StringIO(csv_table([name, "b"], rows), newline="")))
    assert len(read) == len(rows) + 1
    for cell in (cell for row in read for cell in row):
        begins = cell.lstrip(" \t\r\n\ufeff")[:1]
        assert begins not in set("=+-@＝＋－＠") or _is_number(cell)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cases")


def read_all(folder: Path, name: str, content: bytes) -> None:
    """By every reader; a folder is told as a whole."""
    for file in folder.iterdir():
        file.unlink()
    (folder / name).write_bytes(content)
    for read in (lambda: read_csv(folder / name, ["question"]), lambda: read_json(folder / name, ["question"])):
        try:
            read()
        except FolderError as error:
            assert str(error).endswith(".")
    try:
        read_folder(folder)
    except FolderError as error:
        assert str(error).endswith(".")


def test_odd_tables_are_read_or_told(folder: Path) -> None:
    for _, content in tables():
        read_all(folder, "cases.csv", content)


@FEW
@given(content=st.one_of(of_any_cells(), st.binary(max_size=80)))
def test_any_table_is_read_or_told(folder: Path, content: bytes) -> None:
    read_all(folder, "cases.csv", content)


@FEW
@given(content=of_any_lines())
def test_any_lines_are_read_or_told(folder: Path, content: bytes) -> None:
    read_all(folder, "cases.jsonl", content)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_damaged_picture_is_opened_or_told() -> None:
    for what, content in damaged_pictures():
        try:
            image = open_image(content)
        except SightlineError as error:
            assert str(error).endswith("."), what
        else:
            assert image.mode == "RGB", what


def test_an_edited_journal_is_gone_on_with_or_told(tmp_path: Path) -> None:
    file = tmp_path / "league.jsonl"
    with Journal(file, LEAGUE, {"model": "m", "settings": {}}, {"model_name": "M"}) as journal:
        journal.append(LINE)
        journal.append({**LINE, "case": "b"})
    for what, content in edited(file.read_bytes(), 100 if LONG else 12):
        file.write_bytes(content)
        try:
            with Journal(file, LEAGUE, {"model": "m", "settings": {}}, {"model_name": "M"}) as journal:
                each_line(journal.records, check_line, file)
                ranking(journal.header, journal.records)
        except JournalError as error:
            assert "league.jsonl" in str(error), what


def test_a_damaged_bundle_is_taken_in_as_far_as_it_goes_or_told(run: Run, answer: Answer, tmp_path: Path) -> None:
    run.keep(EXPLANATION, answer, {"method": "relevancy"}, explanation(answer))
    export_bundle(run, tmp_path / "whole.zip")
    elsewhere = RunStore(tmp_path / "elsewhere")
    refused = 0
    for what, content in bundles(tmp_path / "whole.zip", most=40 if LONG else 2):
        (tmp_path / "damaged.zip").write_bytes(content)
        try:
            id_, damage = import_bundle(elsewhere, tmp_path / "damaged.zip")
        except RunError as error:
            refused += 1
            assert "damaged.zip" in str(error), what
            continue
        assert all(sentence.endswith(".") for sentence in damage), what
        with elsewhere.open(id_, only_look=True) as opened:
            opened.results()
            assert opened.conversation is not None
    assert refused > 3
    assert all(info.title for info in elsewhere.list())


def test_a_run_is_called_and_noted_whatever_is_typed(run: Run, store: RunStore) -> None:
    for text in (*ALL.values(),) if LONG else (*LETTERS.values(),):
        run.rename(text)
        run.tag(text, text[::-1])
        run.note(text)
    with RunStore(store.folder).open(run.id, only_look=True) as again:
        assert not again.damage
    [info] = store.list()
    assert not info.trouble
