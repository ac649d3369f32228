"""Models and certificates that a command is given by many names: files, folders, and shipped models."""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from checker.__main__ import printable, read
from compact_proofs.commands import export
from compact_proofs.shipped import shipped_model, shipped_models

MODEL, ANY = b"compact-proofs-model ", b"compact-proofs-"


@dataclass(frozen=True)
class GivenModel:
    """The bytes of a model's file, its name for people, and the paths and bytes of its certificates."""

    name: str
    path: str
    data: bytes
    certificates: list[tuple[str, bytes]] = field(default_factory=list)


def given_models(names: Sequence[str]) -> list[GivenModel]:
    """The models in `names`, each once, with those of the certificates in `names` that are of it.

    A name is an exact model, a certificate, a folder with certificates (`*.certificate`, at any depth), or a shipped
    model. A certificate in a folder is left out if it is of none of the models.

    Raises `OSError` for a file that cannot be read, and `ValueError` for a certificate of none of the models, or if
    there is no model.
    """
    models: dict[str, GivenModel] = {}
    certificates: dict[bytes, tuple[str, bool]] = {}
    for name in names:
        for path, data, required in _files(name):
            if data.startswith(ANY) and not data.startswith(MODEL):
                certificates.setdefault(data, (path, required))
            else:
                models.setdefault(sha256(data).hexdigest(), GivenModel(printable(Path(path).stem), path, data))
    if not models:
        raise ValueError("no exact model is given")
    for data, (path, required) in certificates.items():
        claimed = data.partition(b"\nmodel ")[2].partition(b"\n")[0].decode("latin-1")
        if claimed in models:
            models[claimed].certificates.append((path, data))
        elif required:
            raise ValueError(f"{path}: it is a certificate of none of the models given, but of {claimed[:64]!r}")
    return list(models.values())


def _files(name: str) -> list[tuple[str, bytes, bool]]:
    """The path and the bytes of each file that a name stands for, and whether it is named itself."""
    if os.path.isdir(name):
        return [(str(path), read(str(path)), False) for path in sorted(Path(name).rglob("*.certificate"))]
    if not os.path.exists(name) and name in shipped_models():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.model"
            export(shipped_model(name), path)
            return [(path.name, path.read_bytes(), True)]
    return [(name, read(name), True)]
