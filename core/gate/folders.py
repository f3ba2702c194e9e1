"""Which folders and files may be typed: any on a dashboard for this machine alone; on one that was opened to others, or
started with `--root`, those below the folders named at its start. Links and `..` are followed before it is looked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..errors import FolderNotOpen
from ..typed_paths import typed_path
from .opening import Opening, the_opening


def allowed(typed: str | Path, own: Iterable[Path] = (), opening: Opening | None = None) -> Path:
    """What somebody typed, as the path to be used from here on. `own` are folders of whoever typed it. Raises
    FolderNotOpen."""
    path = typed_path(typed)
    roots = (opening or the_opening()).roots
    if roots is None:
        return path
    try:
        resolved = path.resolve()
        inside = any(resolved.is_relative_to(root.resolve()) for root in (*roots, *own))
    except (OSError, RuntimeError, ValueError):  # links in a circle, a name with a NUL
        inside = False
    if not inside:
        raise FolderNotOpen(_refusal(roots))
    return resolved


def is_allowed(typed: str | Path) -> bool:
    """Whether `allowed` would let it pass."""
    try:
        allowed(typed)
    except FolderNotOpen:
        return False
    return True


def _refusal(roots: tuple[Path, ...]) -> str:
    if not roots:
        return "No folder was opened to this dashboard. Whoever starts it names one with --root."
    return f"That is not below a folder opened to this dashboard: {', '.join(map(str, roots))}. Choose one there."
