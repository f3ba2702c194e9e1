"""A run travels as one file, and a file from elsewhere can do no more than be a run or be refused."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.answer import Answer, Question
from core.errors import RunError
from core.runs import bundle
from core.runs.bundle import export_bundle, import_bundle
from core.runs.kinds import EXPLANATION
from core.runs.pieces import piece_json
from core.runs.run import Run
from core.runs.store import RunStore
from core.runs.turns import Exchange
from tests.runs.examples import same
from tests.runs.test_run import explanation, only_answer

ABOUT = b'{"form":1,"sightline":"bundle"}'


def zipped(file: Path, members: dict[str | zipfile.ZipInfo, bytes], about: bytes = ABOUT) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bundle.json", about)
        for name, content in members.items():
            archive.writestr(name, content)
    return file


def test_a_run_is_the_same_elsewhere(run: Run, answer: Answer, tmp_path: Path) -> None:
    run.keep(EXPLANATION, answer, {"method": "relevancy"}, explanation(answer))
    run.tag("door")
    file = tmp_path / "house.zip"
    export_bundle(run, file, lambda add: add("figures/map.svg", b"<svg/>"))
    other = RunStore(tmp_path / "elsewhere")
    id_, broken = import_bundle(other, file)
    assert broken == () and [info.title for info in other.list()] == ["What is it?"]
    opened = other.open(id_, only_look=True)
    again = only_answer(opened)
    assert same(opened.result(EXPLANATION, again, {"method": "relevancy"}), explanation(answer))
    assert opened.manifest.tags == ("door",) and not (opened.folder / "figures").exists()
    assert import_bundle(other, file)[0] != id_


def test_what_is_broken_in_it_is_told(run: Run, answer: Answer, tmp_path: Path) -> None:
    run.keep(EXPLANATION, answer, {"method": "relevancy"}, explanation(answer))
    [result] = (run.folder / "results").glob("*.json")
    result.write_bytes(b"{}")
    export_bundle(run, tmp_path / "house.zip")
    id_, broken = import_bundle(RunStore(tmp_path / "elsewhere"), tmp_path / "house.zip")
    assert len(broken) == 1 and "The result in it is lost" in broken[0]
    assert only_answer(RunStore(tmp_path / "elsewhere").open(id_, only_look=True)).text == answer.text


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def packed_otherwise(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_BZIP2
    return info


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (lambda: "run/../../evil.json", "leads elsewhere"),
        (lambda: "/etc/cron.d/evil", "leads elsewhere"),
        (lambda: "C:\\evil.json", "leads elsewhere"),
        (lambda: "run/turns/..\\evil.json", "leads elsewhere"),
        (lambda: "figures/../../evil", "leads elsewhere"),
        (lambda: link("run/turns/a.json"), "leads elsewhere"),
        (lambda: "run/evil.py", "no file of a run"),
        (lambda: "run/turns/deeper/a.json", "no file of a run"),
        (lambda: "run/pictures/a.png", "no file of a run"),
        (lambda: packed_otherwise("run/run.json"), "packed in a way"),
        (lambda: "bundle.json", "two files of one name"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_has_no_place_in_a_run_is_refused(
    name: Callable[[], str | zipfile.ZipInfo], sentence: str, store: RunStore, tmp_path: Path
) -> None:
    file = zipped(tmp_path / "evil.zip", {name(): b"{}"})
    with pytest.raises(RunError, match=rf"“evil\.zip” .*{sentence}"):
        import_bundle(store, file)
    assert list((store.folder / "runs").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "evil.zip"]


def test_bytes_are_counted_as_they_are_unpacked(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = zipped(tmp_path / "bomb.zip", {"run/run.json": bytes(bundle.MOST_JSON + 1)})
    assert bomb.stat().st_size < 100_000
    with pytest.raises(RunError, match="more than a run may"):
        import_bundle(store, bomb)
    monkeypatch.setattr(bundle, "MOST_BYTES", 100)
    several = {f"run/turns/a{number}.json": bytes(40) for number in range(3)}
    with pytest.raises(RunError, match="more than a run may"):
        import_bundle(store, zipped(tmp_path / "several.zip", several))
    monkeypatch.setattr(bundle, "MOST_MEMBERS", 3)
    with pytest.raises(RunError, match="holds 4 files, and at most 3"):
        import_bundle(store, tmp_path / "several.zip")
    assert list((store.folder / "runs").iterdir()) == []


def test_what_is_no_bundle_is_told(store: RunStore, tmp_path: Path) -> None:
    text = tmp_path / "text.zip"
    text.write_bytes(b"no zip")
    os.mkfifo(tmp_path / "pipe.zip")
    for file in (text, tmp_path / "none.zip", tmp_path / "pipe.zip", tmp_path):
        with pytest.raises(RunError):
            import_bundle(store, file)
    for about in (b"{}", b"[", b'{"form":2,"sightline":"bundle"}'):
        with pytest.raises(RunError):
            import_bundle(store, zipped(tmp_path / "other.zip", {}, about))
    with pytest.raises(RunError, match="holds no run that can be read"):
        import_bundle(store, zipped(tmp_path / "empty.zip", {}))
    assert list((store.folder / "runs").iterdir()) == []


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunStore, bytes]:
    """A bundle of a run with a question alone."""
    folder = tmp_path_factory.mktemp("small")
    with RunStore(folder).create() as run:
        run.add(Exchange(Question("Which?")))
        export_bundle(run, folder / "small.zip")
    return RunStore(folder / "in"), (folder / "small.zip").read_bytes()


@given(data=st.data())
def test_a_damaged_bundle_is_taken_in_or_refused(small: tuple[RunStore, bytes], data: st.DataObject) -> None:
    store, content = small
    damaged = bytearray(content)
    if data.draw(st.booleans()):
        del damaged[data.draw(st.integers(0, len(damaged) - 1)) :]
    else:
        for _ in range(data.draw(st.integers(1, 3))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    file = store.folder.parent / "damaged.zip"
    file.write_bytes(damaged)
    try:
        id_, _ = import_bundle(store, file)
        assert [turn.question for turn in store.open(id_, only_look=True).conversation] == ["Which?"]
    except RunError as error:
        assert str(error).endswith(".")
    assert not [path for path in (store.folder / "runs").iterdir() if path.name.startswith(".making")]


def test_a_conversation_that_names_a_turn_without_end_is_damaged(run: Run, tmp_path: Path) -> None:
    export_bundle(run, tmp_path / "house.zip")
    with zipfile.ZipFile(tmp_path / "house.zip") as archive:
        members: dict[str | zipfile.ZipInfo, bytes] = {name: archive.read(name) for name in archive.namelist()}
    del members["bundle.json"]
    body = json.loads(members["run/run.json"])
    body["content"]["path"] *= 1000
    members["run/run.json"] = piece_json("run", {name: body[name] for name in ("content", "tensors", "tensors_sha256")})
    store = RunStore(tmp_path / "elsewhere")
    id_, [broken] = import_bundle(store, zipped(tmp_path / "long.zip", members))
    assert "names a turn twice" in broken and len(store.open(id_, only_look=True).conversation) == 1


def test_a_file_beside_the_run_cannot_pass_for_one_of_it(run: Run, tmp_path: Path) -> None:
    for name in ("run/run.json", "bundle.json", "../x", "/x"):
        with pytest.raises(ValueError, match="no name for a file beside"):
            export_bundle(run, tmp_path / "house.zip", lambda add, name=name: add(name, b""))
    assert not (tmp_path / "house.zip").exists()
