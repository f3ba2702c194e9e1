"""Trying the tiny models of the zoo, for JSON lines and the page of the support matrix."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import WrongOption
from ..reading import read_bytes
from ..vlm.cancel import CancelToken
from ..writing import write_whole
from ..zoo.matrix import OK, WRONG, Row, lacking, names, read, try_row, write
from ..zoo.registry import recipes


def chosen(only: Sequence[str] | None) -> tuple[str, ...]:
    """The models to try: all that there is a tiny one of, or those named. Raises WrongOption."""
    unknown = sorted(set(only or ()) - set(recipes()))
    if unknown:
        raise WrongOption(f"There is no tiny model of {unknown[0]!r}. There are {', '.join(recipes())}.")
    return tuple(only or recipes())


def checked(
    chosen: Sequence[str], page: Path | None, cancel: CancelToken, progress: Callable[[float], None]
) -> Iterator[dict[str, Any]]:
    """A line for each model as it is tried. At last, or where it is stopped, the page is written: what was tried, and
    as they were the rows of all others. Raises Cancelled."""
    rows = _rows(page) if page is not None and page.exists() else {}
    rows = {name: row for name, row in rows.items() if name in names()}
    try:
        for number, name in enumerate(chosen):
            cancel.check()
            if missing := lacking(name):
                yield {"model_type": name, "not_tried": f"needs {' and '.join(missing)}, which is not installed here"}
            else:
                with tempfile.TemporaryDirectory() as folder:
                    rows[name] = row = try_row(name, Path(folder))
                yield _line(name, row)
            progress((number + 1) / len(chosen))
    finally:
        if page is not None:
            write_whole(page, write(rows).encode())


def _rows(page: Path) -> dict[str, Row]:
    """Those of a page that is there. Raises WrongOption for another file."""
    try:
        return read(read_bytes(page).decode("utf-8"))
    except OSError as error:
        raise WrongOption(f"{page.name} cannot be read ({error.strerror}). Choose another page.") from error
    except (ValueError, KeyError) as error:
        raise WrongOption(
            f"{page.name} is not a page that this command wrote ({error}), and is left as it is. Choose another file."
        ) from error


def _line(name: str, row: Any) -> dict[str, Any]:
    wrong = {column: cell.note for column, cell in row.items() if cell.verdict == WRONG}
    other = {column: cell.note or cell.verdict for column, cell in row.items() if cell.verdict not in (OK, WRONG)}
    ok = [column for column, cell in row.items() if cell.verdict == OK]
    return {"model_type": name, "ok": ok, "otherwise": other, **({"wrong": wrong} if wrong else {})}
