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
        typer.Option(
            help=f"The address it listens at; {HOST} by default. Any other, such as 0.0.0.0, opens it to others, who "
            "need a token."
        ),
    ] = None,
    person: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Somebody to let in with a token of their own; again for several."),
    ] = None,
    tokens: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep the tokens here (a line NAME TOKEN each), so that addresses stay."),
    ] = None,
    root: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            help="Folders that are typed must lie below this one; again for several. Opened to others and without it, "
            "none may be typed.",
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name under which a proxy has it, as in sightline.example.org."),
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
    open_to = {"person": person or None, "tokens": tokens, "root": root or None, "name": name or None}
    given = {"port": port, "host": host, "data": data, **open_to, **described}
    if context.invoked_subcommand is not None:
        for option, value in given.items():
            if value is not None:
                raise WrongOption(
                    f"--{option} before {context.invoked_subcommand} is for the dashboard. Write it after."
                )
        return
    if version:
        from ...version import __version__

        emit({"sightline": __version__})
        return
    from ..dashboard import kept_in, serve, started_with
    from ..opening import Asked

    variables: dict[str, str] = {}
    if any(value is not None for value in described.values()):
        variables = started_with(model, device or "auto", precision or "auto", quantisation or "none", adapter)
    variables |= kept_in(data)
    asked = Asked(name or (), person or (), tokens, root or ())
    serve(host or HOST, port or PORT, variables, asked=asked)
