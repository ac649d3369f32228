"""The documentation site: `sphinx-build -W -c docs . site`, from the Markdown of the repository and the docstrings.

By Sphinx, because it follows links to pages outside `docs/`, and MkDocs is not developed further. Nothing that a page
needs is fetched when it is read.
"""

import inspect
import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

_PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = _PROJECT["name"]
version = release = _PROJECT["version"]
author = "The compact-proofs authors"
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md", "tests/corpus/README.md", "tests/data/README.md", "verified/README.md"]
exclude_patterns = [".*", "*-output*", "site"]

extensions = ["myst_parser", "sphinx.ext.autodoc"]
# The names of the formats mark their examples for tests; there is no highlighting of them.
suppress_warnings = ["misc.highlighting_failure"]
# The anchors that links between the pages have, as where the repository is shown.
myst_heading_anchors = 4
# Names in docstrings stand in single backticks.
default_role = "code"
autodoc_typehints = "description"
autodoc_member_order = "bysource"


def _entries(module: str) -> str:
    """All that a module offers."""
    found = {name: getattr(import_module(module), name) for name in import_module(module).__all__}
    lines = []
    for name, thing in found.items():
        if inspect.isclass(thing):
            lines.append(f".. autoclass:: {module}.{name}\n   :members:\n")
        elif callable(thing):
            lines.append(f".. autofunction:: {module}.{name}\n")
    return "\n".join(lines)


def _list_api(app: Any, page: str, source: list[str]) -> None:
    """The entries of a module, in the place of a line that names it."""
    source[0] = re.sub(r"^EVERYTHING OF (\S+)$", lambda found: _entries(found[1]), source[0], flags=re.MULTILINE)


def setup(app: Any) -> None:
    app.connect("source-read", _list_api)


html_theme = "furo"
html_title = f"{project} {version}"
html_copy_source = False
html_show_copyright = False
