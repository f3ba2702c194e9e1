"""A file is written whole or not at all, and only where a file can be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import NotWritten
from core.writing import remove_parts, write_whole, written_whole


def test_what_cannot_be_finished_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "new" / "results.json"
    write_whole(file, b"before")
    with pytest.raises(KeyError), written_whole(file) as out:
        out.write(b"half of")
        raise KeyError
    assert file.read_bytes() == b"before" and [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_full_disk_is_told_and_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "results.json"
    write_whole(file, b"before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotWritten, match=r"results\.json .* \(No space left on device\).* as it was\. Make room"):
        write_whole(file, b"after")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("results.json", b"before")]


def test_a_limit_on_the_size_of_files_is_told_and_leaves_what_was_there(tmp_path: Path) -> None:
    """A system that ends processes for it (SIGXFSZ) is not heard by Python, and so not by any command."""
    (tmp_path / "page.html").write_bytes(b"before")
    program = (
        "import resource, sys; from pathlib import Path; from core.errors import NotWritten; "
        "from core.writing import write_whole; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: write_whole(Path(sys.argv[1]), b'x' * 9000)\n"
        "except NotWritten as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "page.html")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "is as it was. Raise the limit on the size of files (ulimit -f)" in done.stdout
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("page.html", b"before")]


def test_only_a_regular_file_is_written(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "device").symlink_to("/dev/null")
    for place in (tmp_path, pipe, tmp_path / "device"):
        with pytest.raises(NotWritten, match="not a regular file"):
            write_whole(place, b"results")


def test_a_link_leads_to_the_file_that_is_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_whole(tmp_path / "link", b"results")
    assert (tmp_path / "file").read_bytes() == b"results" and (tmp_path / "link").is_symlink()


def test_what_a_killed_process_was_writing_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".results.json.17.abcdef01.part").write_bytes(b"half")
    (tmp_path / "results.json").write_bytes(b"whole")
    remove_parts(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]
