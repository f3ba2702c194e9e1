"""How the documentation is built: Markdown pages and docstrings, by Sphinx, any warning an error (`make docs`)."""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from _own_sections import with_own_sections

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"

# The package is `sightline` for its users, installed here or not.
if importlib.util.find_spec("sightline") is None:
    where = ROOT / "core"
    spec = importlib.util.spec_from_file_location(
        "sightline", where / "__init__.py", submodule_search_locations=[str(where)]
    )
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["sightline"] = package
    spec.loader.exec_module(package)

project = "Sightline"
author = "The Sightline authors"
release = version = str(sys.modules["sightline"].__version__ if "sightline" in sys.modules else "")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
root_doc = "index"
exclude_patterns = ["screenshots/README.md"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = "Sightline"
html_static_path = ["_static"]
html_show_copyright = False
html_copy_source = False

myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]

# Docstrings mark code with single backticks, as Markdown does.
default_role = "code"
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_default_options = {
    "members": True,
    "undoc-members": False,
    "show-inheritance": True,
    "member-order": "bysource",
}
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autoclass_content = "class"
add_module_names = False
python_use_unqualified_type_names = True
nitpicky = False
suppress_warnings: list[str] = []


REGISTRIES = (
    "explainers.registry.explainers",
    "mechanisms.registry.mechanisms",
    "evidence.registry.metrics",
    "cases.formats.registry.formats",
    "claims.registry.claims",
)


def tell_of_plugins(app: Any, page: str, source: list[str]) -> None:
    """Give every plugin that the page of figures does not tell of a section of its own."""
    if page == "figures":
        registries = (f"sightline.{name}".rpartition(".") for name in REGISTRIES)
        plugins = [one for room, _, name in registries for one in getattr(import_module(room), name)().values()]
        source[0] = with_own_sections(source[0], plugins)


def setup(app: Any) -> None:
    """Sphinx calls this."""
    app.connect("source-read", tell_of_plugins)
