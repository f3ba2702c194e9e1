"""Pages that commands write."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

from ..errors import NotWritten, WrongOption
from ..reports.page import page
from ..writing import write_whole


def write_page(file: Path, title: str, *children: Element) -> None:
    """Write a page. Raises WrongOption where the file cannot be written."""
    try:
        write_whole(file, page(title, *children))
    except NotWritten as error:
        raise WrongOption(f"{file} cannot be written ({error.why}). Choose another place for the page.") from error
