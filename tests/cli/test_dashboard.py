"""`sightline` without a command: where the dashboard listens, with which model, and what is refused."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.answer import Question
from core.cli import dashboard
from core.cli.console import Exit
from core.gate.opening import opening_of
from core.gate.tokens import SOMEBODY, person_of
from core.runs.bundle import export_bundle
from core.runs.store import RunStore
from core.runs.turns import Exchange
from core.startup import DEVICE, MODEL, PRECISION
from tests.cli.conftest import Command

ROOT = Path(__file__).resolve().parents[2]
Started = tuple[list[str], dict[str, str]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Started]:
    """The programs that would have taken this one's place, with their variables."""
    programs: list[Started] = []

    def take_over(path: str, program: list[str], variables: dict[str, str]) -> None:
        programs.append((program, variables))
        raise SystemExit(0)

    monkeypatch.setattr(os, "execve", take_over)
    return programs


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of this machine that is in use."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.fixture
def free() -> int:
    """A port of this machine that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def options_of(program: list[str]) -> dict[str, str]:
    """What stands after the script, by name."""
    after = program[program.index("run") + 2 :]
    return dict(zip(after[::2], after[1::2], strict=True))


def test_the_dashboard_starts_for_this_machine_alone(command: Command, started: list[Started], free: int) -> None:
    ran = command("--port", free)
    [(program, variables)] = started
    assert program[: program.index("run") + 1] == [sys.executable, "-P", "-m", "streamlit", "run"]
    assert program[program.index("run") + 1] == str(ROOT / "Home.py")
    options = options_of(program)
    assert options["--server.address"] == "127.0.0.1" and options["--server.port"] == str(free)
    assert MODEL not in variables
    assert f"http://127.0.0.1:{free}" in ran.told and "no accounts" not in ran.told


def test_runs_are_kept_where_data_says(command: Command, started: list[Started], free: int, tmp_path: Path) -> None:
    command("--port", free, "--data", tmp_path / "new")
    assert started[0][1]["SIGHTLINE_DATA"] == str(tmp_path / "new")
    (tmp_path / "file").write_text("")
    ran = command("--port", free, "--data", tmp_path / "file")
    assert ran.code == Exit.REFUSED and "is a file" in ran.told and len(started) == 1


def test_a_bundle_is_taken_in_and_looked_at(
    command: Command, started: list[Started], free: int, taken: int, tmp_path: Path
) -> None:
    with RunStore(tmp_path / "theirs").create() as run:
        run.add(Exchange(Question("Is the door open?")))
        export_bundle(run, tmp_path / "door.zip")
    mine = tmp_path / "mine"
    assert command("open", tmp_path / "door.zip", "--port", taken, "--data", mine).code == Exit.REFUSED
    assert RunStore(mine).list() == () and started == []
    ran = command("open", tmp_path / "door.zip", "--port", free, "--data", mine)
    [info] = RunStore(mine).list()
    assert f"http://127.0.0.1:{free}/Chat?run={info.id} " in ran.told
    assert started[0][1]["SIGHTLINE_DATA"] == str(mine)
    # A run that is there is opened as it is.
    assert f"?run={info.id} " in command("open", info.id, "--port", free, "--data", mine).told
    assert len(RunStore(mine).list()) == 1
    refused = command("open", tmp_path / "nothing.zip", "--port", free, "--data", mine)
    assert refused.code == Exit.REFUSED and "is not there" in refused.told


def test_opening_it_to_others_gives_a_token_and_says_what_that_means(
    command: Command, started: list[Started], free: int
) -> None:
    ran = command("--host", "0.0.0.0", "--port", free)
    [(program, variables)] = started
    assert options_of(program)["--server.address"] == "0.0.0.0"
    [token] = re.findall(r"\?token=(\S+)", ran.told)
    opening = opening_of(variables)
    assert person_of(token, opening.persons) == SOMEBODY and opening.roots == ()
    assert token not in " ".join([*program, *variables.values()]), "others may read those"
    for limit in ("Nothing is encrypted", "no folder", f"ssh -L {free}:", "fetched from the hub"):
        assert limit in ran.told


def test_each_person_has_an_address_that_stays(
    command: Command, started: list[Started], free: int, tmp_path: Path
) -> None:
    file, root = tmp_path / "tokens", tmp_path / "models"
    root.mkdir()
    persons = ("--person", "ada", "--person", "ben", "--tokens", file, "--root", root, "--port", free)
    first = command("--host", "0.0.0.0", *persons)
    again = command("--host", "0.0.0.0", "--tokens", file, "--port", free)
    addresses = re.findall(r"For (\w+): (\S+)", first.told)
    assert [name for name, _ in addresses] == ["ada", "ben"] == list(opening_of(started[1][1]).persons)
    assert re.findall(r"For (\w+): (\S+)", again.told) == addresses and file.stat().st_mode & 0o077 == 0
    assert opening_of(started[0][1]).roots == (root,)


def test_behind_a_proxy_it_wants_tokens_too(command: Command, started: list[Started], free: int) -> None:
    ran = command("--name", "sight.example.org", "--port", free)
    opening = opening_of(started[0][1])
    assert opening.to_others and opening.names == ("sight.example.org",)
    assert "http://sight.example.org/?token=" in ran.told


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--root", "/no/such/folder"), "is no folder"),
        (("--root", "/"), "runs are kept in"),
        (("--person", "a/../b"), "cannot be a person's name"),
        (("--person", "ada", "--person", "Ada"), "two persons called Ada"),
        (("--name", "http://x"), "is no name of a machine"),
        (("--tokens", "/"), "is no file"),
    ],
)
def test_what_would_open_it_wrongly_is_refused(
    command: Command, started: list[Started], free: int, options: tuple[str, ...], sentence: str
) -> None:
    ran = command("--host", "0.0.0.0", "--port", free, *options)
    assert ran.code == Exit.REFUSED and started == [] and sentence in ran.told


def test_a_port_in_use_is_a_sentence(command: Command, started: list[Started], taken: int) -> None:
    ran = command("--port", taken)
    assert ran.code == Exit.REFUSED and started == []
    assert f"Port {taken} is in use" in ran.told and "Traceback" not in ran.told


def test_an_address_of_another_machine_is_a_sentence(command: Command, started: list[Started], free: int) -> None:
    ran = command("--host", "192.0.2.77", "--port", free)
    assert ran.code == Exit.REFUSED and started == []
    assert "cannot listen at 192.0.2.77" in ran.told


def test_the_model_is_told_by_the_environment(
    command: Command, started: list[Started], free: int, llava_folder: Path
) -> None:
    command("--port", free, "--model", llava_folder, "--precision", "float32", "--device", "cpu")
    [(_, variables)] = started
    assert variables[MODEL] == str(llava_folder)
    assert (variables[PRECISION], variables[DEVICE]) == ("float32", "cpu")


def test_a_device_that_is_none_is_refused_before_anything_starts(command: Command, started: list[Started]) -> None:
    for device in ("meta", "toaster"):
        ran = command("--device", device)
        assert ran.code == Exit.REFUSED and started == [] and device in ran.told and "Choose cpu" in ran.told


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("nobody/nothing-of-this-name", "is not on this machine, and the dashboard fetches nothing unasked"),
        ("/no/such/folder", "There is no model folder"),
        (" ", "The name of the model is empty"),
    ],
)
def test_a_model_that_is_not_here_is_refused_before_anything_starts(
    command: Command, started: list[Started], model: str, sentence: str
) -> None:
    ran = command("--model", model)
    assert ran.code == Exit.REFUSED and started == []
    assert sentence in ran.told


def test_an_option_before_a_command_is_not_ignored(command: Command) -> None:
    ran = command("--model", "somewhere", "cases", "formats")
    assert ran.code == Exit.REFUSED
    assert "--model before cases is for the dashboard" in ran.told


def test_without_streamlit_there_is_a_sentence(
    command: Command, started: list[Started], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "find_spec", lambda name: None)
    ran = command()
    assert ran.code == Exit.IMPOSSIBLE and started == []
    assert "streamlit" in ran.told and "Traceback" not in ran.told


@pytest.mark.parametrize(
    ("host", "shown"),
    [("0.0.0.0", "http://127.0.0.1:80"), ("::", "http://[::1]:80"), ("192.0.2.1", "http://192.0.2.1:80")],
)
def test_the_address_that_is_told_can_be_typed(host: str, shown: str) -> None:
    assert dashboard.address_of(host, 80) == shown
