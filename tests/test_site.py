"""The documentation site is built without a warning, is read without a network, and shows what there is."""

import subprocess
import sys
from pathlib import Path

import pytest
from browser import opened

import compact_proofs

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("site")
    doctrees = output.parent / "doctrees"
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "docs", "-d", doctrees, ".", output]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    return output


def test_pages_open_without_a_network(site: Path) -> None:
    for name in ("index", "trust", "api"):
        with opened(site / "docs" / f"{name}.html", width=390) as (page, wrong):
            assert page.locator("h1").count() >= 1
            assert all(page.evaluate("[...document.images].map((image) => image.naturalWidth > 0)"))
            assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
            assert wrong == []


def test_every_function_is_listed(site: Path) -> None:
    text = (site / "docs" / "api.html").read_text(encoding="utf-8")
    for name in compact_proofs.__all__:
        if callable(getattr(compact_proofs, name)):
            assert f'id="compact_proofs.{name}"' in text


def test_every_page_is_there(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        assert (site / page.relative_to(ROOT).with_suffix(".html")).exists(), page
