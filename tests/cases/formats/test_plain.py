"""A folder of one's own, as people really save it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.cases.formats import plain
from core.cases.formats.plain import PlainFolder
from core.cases.formats.registry import formats, read_folder
from core.errors import FolderError
from tests.cases.folders import picture, save_mmvp, save_pope

HEADER = "image,question,expected\n"
TEXT = HEADER + "a.png,Welche Farbe hat die Tür?,grün|lime\n,Is ice cold?,Yes\na.png|b.png,Which?,left\n"


def save(folder: Path, content: str | bytes = TEXT, name: str = "my cases.csv") -> Path:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    picture(folder / "a.png")
    picture(folder / "images" / "b.png")
    return folder


def test_questions_pictures_and_expected_answers_are_read(tmp_path: Path) -> None:
    set_of_cases = PlainFolder().read(save(tmp_path))
    assert set_of_cases.problems == ()
    one, two, three = set_of_cases.cases
    assert (one.expected, one.scoring, one.images) == (("grün", "lime"), "contains", (tmp_path / "a.png",))
    assert (two.expected, two.scoring, two.images) == (("yes",), "yes_no", ())
    assert three.images == (tmp_path / "a.png", tmp_path / "images" / "b.png")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    set_of_cases = PlainFolder().read(save(tmp_path, TEXT.encode(encoding)))
    assert set_of_cases.cases[0].question == "Welche Farbe hat die Tür?"
    assert bool(set_of_cases.problems) == (encoding == "cp1252")


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_read(tmp_path: Path, delimiter: str) -> None:
    text = delimiter.join(("Image ", "QUESTION", "expected", "note")) + "\r\n"
    text += delimiter.join(("a.png", '"What, and why?"', "red", "seen on 1, 2")) + "\r\n"
    [case] = PlainFolder().read(save(tmp_path, text)).cases
    assert (case.question, case.expected) == ("What, and why?", ("red",))
    assert case.about == {"line": "2", "note": "seen on 1, 2"}


def test_other_columns_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FolderError) as refused:
        PlainFolder().read(save(tmp_path, "picture,question,answer\na.png,What?,red\n"))
    assert str(refused.value) == (
        "“my cases.csv” has no column “image” and no column “expected”. Its columns are “picture”, “question”, "
        "“answer”. Rename them in the table."
    )


def test_rows_with_missing_fields_or_values_are_named(tmp_path: Path) -> None:
    rows = "a.png,What, exactly?,red\n\na.png,,red\na.png,What?,\na.png,Who?,man\n"
    set_of_cases = PlainFolder().read(save(tmp_path, HEADER + rows))
    assert [case.question for case in set_of_cases.cases] == ["Who?"]
    assert [problem.split(" have ")[0] for problem in set_of_cases.problems] == [
        "“my cases.csv”: lines 2",
        "Lines 4, 5",
    ]


@pytest.mark.parametrize("later", ["a.png,D?,red", '"a.png",D?,red'])
def test_rows_that_an_open_quote_swallowed_are_told_of(tmp_path: Path, later: str) -> None:
    rows = ["a.png,A?,red", 'a.png,"B?,red', "a.png,C?,red", later, "a.png,E?,red"]
    set_of_cases = [problem for problem in PlainFolder().read(save(tmp_path, HEADER + "\n".join(rows) + "\n")).problems]
    assert any("look like rows" in problem for problem in set_of_cases)


def test_a_question_of_several_lines_is_one_row(tmp_path: Path) -> None:
    text = HEADER + 'a.png,"Look, first,\nthen say:\nwhat is it?",red\n'
    set_of_cases = PlainFolder().read(save(tmp_path, text))
    assert set_of_cases.problems == () and set_of_cases.cases[0].question == "Look, first,\nthen say:\nwhat is it?"


@pytest.mark.parametrize(
    "name", ["../secret.png", "/etc/passwd", "images/../../secret.png", "..\\secret.png", "link.png"]
)
def test_a_path_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    picture(tmp_path / "secret.png")
    folder = tmp_path / "cases"
    folder.mkdir()
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    [case] = PlainFolder().read(save(folder, f"{HEADER}{name},What?,red\n")).cases
    assert case.problem is not None
    assert "leads out of the folder" in case.problem
    assert case.images == ()


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to("a.png")
    [case] = PlainFolder().read(save(tmp_path, "image,question,expected\nlink.png,What?,red\n")).cases
    assert case.problem is None


@pytest.mark.parametrize("name", ["gone.png", "a\0.png", "x" * 300, "images", "circle.png"])
def test_a_picture_that_is_not_there_costs_its_own_case_only(tmp_path: Path, name: str) -> None:
    (tmp_path / "circle.png").symlink_to("circle.png")
    lost, kept = PlainFolder().read(save(tmp_path, f"{HEADER}{name},What?,red\na.png,Who?,man\n")).cases
    assert lost.problem is not None
    assert kept.problem is None


def test_ids_stay_when_rows_are_added(tmp_path: Path) -> None:
    before = PlainFolder().read(save(tmp_path)).cases
    after = PlainFolder().read(save(tmp_path, TEXT.replace("\n", "\na.png,New?,red\n", 1))).cases
    assert [case.id for case in after[1:]] == [case.id for case in before]


def test_ten_thousand_rows_are_read(tmp_path: Path) -> None:
    rows = "".join(f"a.png,What is {number}?,red\n" for number in range(10_000))
    assert len(PlainFolder().read(save(tmp_path, HEADER + rows)).cases) == 10_000


@pytest.mark.parametrize("content", ["", "\n\n", HEADER, f"{HEADER}\n,,\n", "\0\1"])
def test_an_empty_or_broken_table_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(FolderError):
        PlainFolder().read(save(tmp_path, content))


def test_of_several_tables_one_is_named_cases(tmp_path: Path) -> None:
    save(save(tmp_path), name="other.csv")
    with pytest.raises(FolderError, match=r"several tables: my cases\.csv, other\.csv\. Name one cases\.csv"):
        PlainFolder().read(tmp_path)
    assert len(PlainFolder().read(save(tmp_path, name="cases.csv")).cases) == 3


def test_files_that_a_mac_hides_beside_others_are_not_looked_at(tmp_path: Path) -> None:
    save(save(tmp_path), b"\0\5\x16\7", name="._my cases.csv")
    assert len(PlainFolder().read(tmp_path).cases) == 3


def test_questions_of_one_hash_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "_id", lambda row: "00000000")
    assert [case.id for case in PlainFolder().read(save(tmp_path)).cases] == [
        "00000000",
        "00000000 (2)",
        "00000000 (3)",
    ]


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    save(tmp_path)
    with pytest.raises(FolderError, match=r"is a file\. Give the folder it lies in"):
        PlainFolder().read(tmp_path / "a.png")
    with pytest.raises(FolderError, match="No such file or directory"):
        PlainFolder().read(tmp_path / "nowhere")
    with pytest.raises(FolderError, match="cannot be read"):
        PlainFolder().read(Path("nul\0"))


def test_a_folder_that_is_closed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: Path) -> None:  # as root, who may run the tests, no real folder is
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", closed)
    with pytest.raises(FolderError, match=r"cannot be read \(Permission denied\)"):
        PlainFolder().read(tmp_path)


def test_the_format_of_a_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    assert read_folder(save_mmvp(tmp_path / "m"))[0].key == "mmvp"
    assert read_folder(save_pope(tmp_path / "p"))[0].key == "pope"
    assert read_folder(save(tmp_path / "own"))[0].key == "plain"
    with pytest.raises(FolderError, match=r"There is no format “coco”\. The formats are hallusionbench, mmvp, pope"):
        read_folder(tmp_path, "coco")
    with pytest.raises(FolderError, match=r"fits no format\.\nHallusionBench: There is no HallusionBench\.json"):
        read_folder(tmp_path / "m" / "MMVP Images")
    with pytest.raises(
        FolderError, match=r"^The folder .*nowhere cannot be read \(No such file or directory\)"
    ) as none:
        read_folder(tmp_path / "nowhere")
    assert str(none.value).count("cannot be read") == 1


def test_every_published_format_says_whose_it_is() -> None:
    assert list(formats()) == ["hallusionbench", "mmvp", "pope", "plain"]
    for one in formats().values():
        assert one.expects
        assert bool(one.paper) == bool(one.published) == (one.key != "plain")
