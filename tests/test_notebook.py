"""The notebook runs from the shipped models and kept points, and draws its picture."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent.parent / "docs" / "notebooks" / "bound_against_length.ipynb"


def test_the_notebook_draws_its_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What a kernel keeps at home stays out of there.
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        monkeypatch.setitem(os.environ, name, str(tmp_path))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    assert printed.startswith("accepted: at least 16773171 of 16777216 inputs")
    [picture] = [output.data["image/png"] for output in outputs if output.output_type == "display_data"]
    assert len(picture) > 10_000
