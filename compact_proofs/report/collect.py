"""The models and certificates of a report: which files they are, and what there is to say of each."""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from checker.__main__ import printable, read
from compact_proofs.commands import export
from compact_proofs.report.facts import ModelFacts, model_facts
from compact_proofs.report.proofs import Proof, given_proof, made_proof, strategies_for
from compact_proofs.shipped import shipped_model, shipped_models

MODEL, CERTIFICATE = b"compact-proofs-model ", b"compact-proofs-certificate "


@dataclass(frozen=True)
class Subject:
    """A model with what is proved of it, by operations."""

    facts: ModelFacts
    proofs: list[Proof]


def collect(
    names: Sequence[str],
    strategies: Sequence[str] = (),
    starting: Callable[[str], None] = lambda step: None,
    quick: bool = False,
) -> list[Subject]:
    """The facts of the models in `names`, and every verdict, which the kernel gives now.

    A name is an exact model, a certificate, a folder with certificates (`*.certificate`, at any depth), or a shipped
    model. Certificates go to the model whose hash they name; those in a folder are left out if it is none of the
    models. Models are proved by `strategies`, too; by default, those without certificates by some that take seconds, or
    if it is to be `quick`, by one.

    Raises `OSError` for a file that cannot be read, `Declined` for one that is no model, `UnknownStrategy`, and
    `ValueError` for a certificate of no model here, or if there is no model.
    """
    models: dict[str, tuple[str, str, bytes]] = {}
    given: dict[bytes, tuple[str, bool]] = {}
    for name in names:
        for path, data, required in _files(name):
            if data.startswith(CERTIFICATE):
                given.setdefault(data, (path, required))
            else:
                models.setdefault(sha256(data).hexdigest(), (printable(Path(path).stem), path, data))
    if not models:
        raise ValueError("no exact model is given")
    proofs: dict[str, list[tuple[str, bytes]]] = {model: [] for model in models}
    for data, (path, required) in given.items():
        claimed = data.split(b"\n", 2)[1].removeprefix(b"model ").decode("latin-1")
        if claimed in proofs:
            proofs[claimed].append((path, data))
        elif required:
            raise ValueError(f"{path}: the certificate is of none of the models given, but of {claimed[:64]}")
    return [_subject(*model, proofs[key], strategies, quick, starting) for key, model in models.items()]


def _subject(
    name: str,
    path: str,
    data: bytes,
    certificates: Sequence[tuple[str, bytes]],
    strategies: Sequence[str],
    quick: bool,
    starting: Callable[[str], None],
) -> Subject:
    starting(f"{name}: look at the model")
    facts, proofs = model_facts(name, printable(path), data), []
    for number, (certificate, content) in enumerate(certificates, 1):
        starting(f"{name}: check certificate {number} of {len(certificates)}")
        proofs.append(given_proof(facts, printable(certificate), content))
    chosen = strategies_for(facts, strategies) if strategies or not certificates else []
    for strategy in chosen[:1] if quick and not strategies else chosen:
        starting(f"{name}: prove by {strategy}")
        made = made_proof(facts, strategy)
        proofs += [made] if made else []
    return Subject(facts, sorted(proofs, key=lambda proof: (proof.verdict.operations, proof.name)))


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
