"""The verified checker, for tests that need it."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROGRAM = ROOT / "verified" / "compact-proofs-verified"
# `tests/run` builds the program and sets this, so that there nothing is skipped in silence.
REQUIRED = "COMPACT_PROOFS_REQUIRE_VERIFIED"


def require_verified() -> None:
    """Skips the test if the verified checker is not built, or fails it if that was to be done."""
    if not PROGRAM.exists():
        missing = f"{PROGRAM.relative_to(ROOT)} is not built: make -C verified"
        if os.environ.get(REQUIRED):
            pytest.fail(missing)
        pytest.skip(missing)
