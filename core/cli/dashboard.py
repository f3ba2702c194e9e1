"""`sightline` alone: the dashboard, as a server of its own that takes this program's place."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from ..errors import WrongOption
from ..gate.hosts import is_local
from ..typed_paths import typed_path
from .commands.dashboard import PORT
from .console import say
from .opening import Asked, opened, told


def home() -> Path:
    """The dashboard's first page: in the installed package, and in the repository beside it."""
    package = Path(str(files(__name__.partition(".")[0])))
    installed = package / "dashboard" / "Home.py"
    return installed if installed.is_file() else package.parent / "Home.py"


def started_with(
    source: str | None, device: str, precision: str, quantisation: str = "none", adapter: str | None = None
) -> dict[str, str]:
    """The variables by which the dashboard starts with this model. Raises WrongOption and ModelUnavailable, also for a
    model that is not on this machine: nobody would see how large it is before it is fetched."""
    from ..startup import to_environment
    from ..vlm.loading import on_this_machine
    from .asking import spec_of

    spec = spec_of(source, device, precision, quantisation, adapter)
    spec.torch_devices()
    if not on_this_machine(spec.source):
        raise WrongOption(
            f"{spec.source} is not on this machine, and the dashboard fetches nothing unasked. Leave --model out and "
            "choose it in the bar on the left, which tells its size first."
        )
    return to_environment(spec)


def kept_in(data: Path | None) -> dict[str, str]:
    """The variable by which runs are kept in this folder, which need not be there. Raises WrongOption for a file."""
    from ..runs.place import FOLDER

    if data is None:
        return {}
    folder = typed_path(data).resolve()
    if folder.exists() and not folder.is_dir():
        raise WrongOption(f"{data} is a file. Name a folder with --data.")
    return {FOLDER: str(folder)}


def serve(host: str, port: int, environment: dict[str, str], at: str = "", asked: Asked | None = None) -> NoReturn:
    """Start the dashboard with these variables beside this program's own; `at` is the page that people are told to
    open, and `asked` says who else is let in. Raises WrongOption for an address that cannot be had, or opened so, and
    ImportError without Streamlit."""
    from ..runs.place import FOLDER, data_folder

    if find_spec("streamlit") is None:
        raise ModuleNotFoundError("No module named 'streamlit'")
    check_address(host, port)
    data = Path(environment[FOLDER]) if FOLDER in environment else data_folder()
    gate = opened(host, asked or Asked(), data)
    if gate.opening.to_others:
        say("Sightline starts, and Ctrl-C stops it. It is open to others:")
        for line in told(gate, host, port, at):
            say(line)
    else:
        shown = f"{address_of(host, port)}/{at}" if at else address_of(host, port)
        say(f"Sightline starts at {shown}{' ' if at else ''}. Ctrl-C stops it.")
    # -P: what lies in the present folder is no part of the program. The settings beside the first page are found by
    # Streamlit itself, and outweigh those of the present folder and of the home folder.
    program = [sys.executable, "-P", "-m", "streamlit", "run", str(home())]
    # Its own welcome asks the internet for this machine's address where it listens at all of them.
    program += ["--server.address", host, "--server.port", str(port), "--logger.hideWelcomeMessage", "true"]
    if gate.opening.to_others:
        # The gate knows which; Streamlit's own list knows no numbers.
        program += ["--server.allowedHosts", "*"]
    elif not is_local(host):
        raise AssertionError("nobody is let in from elsewhere without a token")
    variables = {**os.environ, **environment, **gate.opening.to_environment()}
    if os.name == "posix":
        os.execve(program[0], program, variables)
    raise SystemExit(subprocess.call(program, env=variables))


def address_of(host: str, port: int) -> str:
    """What to type into a browser of this machine."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


def check_address(host: str, port: int) -> None:
    """Raises WrongOption where no server could listen there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            if os.name == "posix":  # as the server does: a port that was just left is free
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise WrongOption(_trouble(error, host, port)) from error


def _trouble(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        beside = port + 1 if port < 65535 else PORT
        return f"Port {port} is in use, perhaps by another Sightline. Choose another one: --port {beside}."
    if error.errno == errno.EACCES:
        return f"Port {port} may not be used by this account. Choose one above 1023, such as --port {PORT}."
    return f"This machine cannot listen at {host} ({error.strerror}). Leave --host out for this machine alone."
