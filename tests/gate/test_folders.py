"""Which folders may be typed, and what the server's environment says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import FolderNotOpen, WrongOption
from core.gate.folders import allowed
from core.gate.opening import VARIABLE, Opening, opening_of
from core.gate.token_file import tokens_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that is opened, with links out of it and in a circle; beside it, one that is not."""
    for name in ("open/set", "open-not", "mine"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "open" / "out").symlink_to(tmp_path / "open-not")
    (tmp_path / "open" / "in").symlink_to(tmp_path / "open" / "set")
    (tmp_path / "open" / "circle").symlink_to(tmp_path / "open" / "circle")
    return tmp_path / "open"


@pytest.mark.parametrize("typed", ["", "set", "in", "set/../in", "nothing-yet.jsonl"])
def test_what_lies_below_a_root_may_be_typed(root: Path, typed: str) -> None:
    opening = Opening(roots=(root,))
    assert allowed(f"{root}/{typed}", opening=opening) == (root / typed).resolve()


@pytest.mark.parametrize(
    "typed",
    ["..", "../open-not", "out", "out/x", "set/../../open-not", "circle", "a\0b", "/etc/passwd", "~root", "~/x"],
)
def test_what_leads_out_may_not(root: Path, typed: str) -> None:
    path = typed if typed.startswith(("/", "~")) else f"{root}/{typed}"
    with pytest.raises(FolderNotOpen, match="not below a folder opened"):
        allowed(path, opening=Opening(roots=(root,)))
    with pytest.raises(FolderNotOpen, match="No folder was opened"):
        allowed(path, opening=Opening(roots=()))


def test_ones_own_folder_may_be_typed_too(root: Path) -> None:
    mine = root.parent / "mine"
    assert allowed(mine / "a.jsonl", [mine], Opening(roots=(root,))) == mine / "a.jsonl"
    assert allowed("/anything") == Path("/anything"), "on a dashboard for this machine alone"


def test_the_environment_says_what_was_written_or_nothing_starts() -> None:
    opening = Opening({"ada": "0" * 64}, ("sight.example.org",), (Path("/models"),))
    assert opening_of(opening.to_environment()) == opening and opening_of({}) == Opening()
    for broken in ("x", "[]", "{}", '{"persons": [], "names": [], "roots": null}'):
        with pytest.raises(WrongOption):
            opening_of({VARIABLE: broken})


@pytest.mark.parametrize("line", ["ada", "ada short", "ada " + "é" * 30, "a/b " + "x" * 30, "ada {0}\nada {0}", "\0"])
def test_a_file_of_tokens_that_is_wrong_is_refused(tmp_path: Path, line: str) -> None:
    file = tmp_path / "tokens"
    file.write_text(line.format("x" * 30) + "\n", encoding="utf-8")
    file.chmod(0o600)
    with pytest.raises(WrongOption):
        tokens_of(file, ())


def test_a_file_of_tokens_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("# whose\n" + "ada " + "x" * 30, encoding="utf-8")
    file.chmod(0o640)
    with pytest.raises(WrongOption, match="chmod 600"):
        tokens_of(file, ())
    file.chmod(0o600)
    assert list(tokens_of(file, ["ben"])) == ["ada", "ben"] == list(tokens_of(file, ()))
