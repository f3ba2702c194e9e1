"""No command at all: the dashboard."""

from __future__ import annotations

from typing import Annotated

import typer

from ...errors import WrongOption
from ..console import emit
from ..options import Model

HOST, PORT = "127.0.0.1", 8501


def dashboard(
    context: typer.Context,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help=f"Where it listens; {PORT} by default.")] = None,
    host: Annotated[
        str | None,
        typer.Option(help=f"The address it listens at; {HOST} by default. Any other opens it, and it has no accounts."),
    ] = None,
    model: Model = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, float32, bfloat16 or float16.")] = None,
    version: Annotated[bool, typer.Option("--version", help="Tell the version, and start nothing.")] = False,
) -> None:
    """Start the dashboard, or run one of the commands: ask a vision-language model, explain and test its answers, and
    run sets of cases. Commands print JSON lines.
    """
    given = {"port": port, "host": host, "model": model, "device": device, "precision": precision}
    if context.invoked_subcommand is not None:
        for name, value in given.items():
            if value is not None:
                raise WrongOption(f"--{name} before {context.invoked_subcommand} is for the dashboard. Write it after.")
        return
    if version:
        from ...version import __version__

        emit({"sightline": __version__})
        return
    from ..dashboard import serve, started_with

    named = (model, device, precision) != (None, None, None)
    serve(host or HOST, port or PORT, started_with(model, device or "auto", precision or "auto") if named else {})
