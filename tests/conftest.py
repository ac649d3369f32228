"""Files that many tests read, made once."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from compact_proofs import export, prove
from compact_proofs.shipped import shipped_model


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Programs that are run inside the tests may change what Ctrl-C does, which is undone."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exact model file of the shipped tiny model. Not to be changed."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.model"
    export(shipped_model("tiny"), path)
    return path


@pytest.fixture(scope="session")
def tiny_certificate(tiny_model: Path) -> Path:
    """A certificate of the tiny model by the strategy `exact`. Not to be changed."""
    path = tiny_model.with_name("tiny.certificate")
    prove(tiny_model, "exact", path)
    return path
