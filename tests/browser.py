"""Pages in headless Chromium, as a reader sees them."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

# As root, and without the network.
OPTIONS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@contextmanager
def opened(path: Path, width: int = 1200, dark: bool = False) -> Iterator[tuple[Page, list[str]]]:
    """A page that was opened from its file, and what goes wrong there: messages of its console, dialogs, and what it
    asks the network for. Skips the test if there is no Chromium, unless it is required."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        assert not os.environ.get("COMPACT_PROOFS_REQUIRE_CHROMIUM"), "there is no chromium"
        pytest.skip("there is no chromium")
    wrong: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=OPTIONS)
        viewport = {"width": width, "height": 900}
        context = browser.new_context(viewport=viewport, color_scheme="dark" if dark else "light")
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        local = ("file:", "data:", "blob:")
        page.on("request", lambda request: None if request.url.startswith(local) else wrong.append(request.url))
        page.goto(path.as_uri())
        yield page, wrong
        browser.close()
