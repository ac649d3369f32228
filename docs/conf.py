"""The documentation site: `sphinx-build -W -c docs . site`, from the Markdown of the repository and the docstrings.

By Sphinx, because it follows links to pages outside `docs/`, and MkDocs is not developed further. Nothing that a page
needs is fetched when it is read.
"""

import tomllib
from pathlib import Path

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
autodoc_typehints = "description"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = f"{project} {version}"
html_static_path: list[str] = []
html_copy_source = False
