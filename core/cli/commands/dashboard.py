"""No command at all: the dashboard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...errors import WrongOption
from ..console import emit
from ..options import Adapter, Model

HOST, PORT = "127.0.0.1", 8501


def dashboard(
    context: typer.Context,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help=f"Where it listens; {PORT} by default.")] = None,
    host: Annotated[
        str | None,
        typer.Option(help=f"The address it listens at; {HOST} by default. Any other opens it, and it has no accounts."),
    ] = None,
    model: Model = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda, mps, all (every GPU), or names as in cuda:0,cuda:1.")
    ] = None,
    precision: Annotated[str | None, typer.Option(help="auto, float32, bfloat16 or float16.")] = None,
    quantisation: Annotated[str | None, typer.Option(help="none, 8bit or 4bit.")] = None,
    adapter: Adapter = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where runs are kept; by default the account's folder for data."),
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Tell the version, and start nothing.")] = False,
) -> None:
    """Start the dashboard, or run one of the commands: ask a vision-language model, explain and test its answers, and
    run sets of cases. Commands print JSON lines.
    """
    described = {
        "model": model,
        "device": device,
        "precision": precision,
        "quantisation": quantisation,
        "adapter": adapter,
    }
    given = {"port": port, "host": host, "data": data, **described}
    if context.invoked_subcommand is not None:
        for name, value in given.items():
            if value is not None:
                raise WrongOption(f"--{name} before {context.invoked_subcommand} is for the dashboard. Write it after.")
        return
    if version:
        from ...version import __version__

        emit({"sightline": __version__})
        return
    from ..dashboard import kept_in, serve, started_with

    variables: dict[str, str] = {}
    if any(value is not None for value in described.values()):
        variables = started_with(model, device or "auto", precision or "auto", quantisation or "none", adapter)
    variables |= kept_in(data)
    serve(host or HOST, port or PORT, variables)
