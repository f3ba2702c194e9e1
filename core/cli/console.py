"""What every command shares: lines out, messages and progress beside them, stopping, and what exit codes mean."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from typer.core import TyperGroup

from ..errors import ExplainError, LineNotKept, NotWritten, SightlineError, WorkersUnavailable, unimportable

if TYPE_CHECKING:  # torch takes seconds to import, and --help needs none of it
    from ..vlm.cancel import CancelToken
    from ..vlm.forecast import Forecast


class Exit(IntEnum):
    """What a command ends with."""

    DONE = 0
    INCOMPLETE = 1
    REFUSED = 2
    STOPPED = 3
    IMPOSSIBLE = 4
    FAULT = 70


MEANINGS = {
    Exit.DONE: "all is done",
    Exit.INCOMPLETE: "done, but some cases could not be asked, or a folder has problems",
    Exit.REFUSED: "not begun: a wrong option, a file or model that cannot be used, another run's results",
    Exit.STOPPED: "stopped; what is finished is kept, and the same command goes on",
    Exit.IMPOSSIBLE: "not possible here: too little memory, a package that does not import, a method that says nothing",
    Exit.FAULT: "a fault of the program, which shows where",
}
CODES = "Exit codes: " + "; ".join(f"{int(code)} {meaning}" for code, meaning in MEANINGS.items()) + "."


class Guarded(TyperGroup):
    """Commands whose foreseen errors are a sentence and an exit code; any other error is a fault, shows itself, and has
    a code of its own (Python's would be 1, which says that all is done but some cases)."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(Exit.STOPPED) from None
        except BrokenPipeError:
            _read_no_more()
            raise typer.Exit(Exit.STOPPED) from None
        except ImportError as error:
            say(unimportable(error))
            raise typer.Exit(Exit.IMPOSSIBLE) from None
        except Exception as error:
            if hasattr(error, "exit_code"):  # typer's own
                raise
            code = _code_of(error)
            if code is None:
                traceback.print_exc()
                raise typer.Exit(Exit.FAULT) from None
            say(str(error))
            raise typer.Exit(code) from None


def _code_of(error: Exception) -> Exit | None:
    from ..vlm.cancel import Cancelled

    codes: Sequence[tuple[tuple[type[Exception], ...], Exit]] = (
        ((Cancelled, LineNotKept), Exit.STOPPED),
        ((ExplainError, WorkersUnavailable), Exit.IMPOSSIBLE),
        ((SightlineError,), Exit.REFUSED),
    )
    return next((code for kinds, code in codes if isinstance(error, kinds)), None)


def emit(record: Mapping[str, Any]) -> None:
    """One line for other programs. What is no number becomes null, and other than ASCII is escaped. Files are written
    before: whoever reads may leave (`| head -1`), which ends the command without a word. Raises NotWritten."""
    line(json.dumps(_plain(record), allow_nan=False))


def line(text: str) -> None:
    """One line on standard output. Raises NotWritten, and BrokenPipeError where nobody reads any more."""
    try:
        typer.echo(text)
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        _read_no_more()
        why = error.strerror or "no reason is known"
        raise NotWritten(
            f"What is to be told cannot be written to standard output ({why}). Files are as they were said to be; send "
            "the output elsewhere.",
            why,
        ) from error


def _read_no_more() -> None:
    """What is left to be written to standard output goes nowhere: the end of the program would complain of it."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class _People(Console):
    """Standard error. That nobody reads there, or that it cannot be written to, is no reason to stop working."""

    def __init__(self) -> None:
        super().__init__(stderr=True)

    def on_broken_pipe(self) -> None:
        pass


def say(text: str) -> None:
    """One message for people. Untrusted text is shown as it is: no markup, no control characters."""
    with contextlib.suppress(OSError):
        _People().print(text, markup=False, highlight=False, soft_wrap=True)


def say_forecast(told: Forecast, name: str, cheaper: str = "") -> None:
    """How long something will take here, and what is cheaper, on standard error before it begins; nothing where it is
    over in a moment."""
    if told.long:
        say(f"{name}: {told.words}.{f' {cheaper}' if cheaper else ''}")


@contextmanager
def bar(label: str) -> Iterator[Callable[[float], None]]:
    """A progress bar on standard error, where that is a terminal; it is told the share done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    console = _People()
    progress = Progress(
        *columns,
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        redirect_stdout=False,
    )
    with progress:
        task = progress.add_task(label, total=1.0)
        yield lambda done: progress.update(task, completed=done)


@contextmanager
def stoppable() -> Iterator[CancelToken]:
    """A token that Ctrl-C (or SIGTERM) raises, so that work ends where it can go on; a second Ctrl-C ends it at
    once."""
    from ..vlm.cancel import CancelToken

    token = CancelToken()

    def stop(number: int, frame: object) -> None:
        if token.cancelled:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a third one ends what does not hear of it
            raise KeyboardInterrupt
        token.cancel()
        say("Stopping; what is finished is kept. Press Ctrl-C again to end at once.")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield token
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
