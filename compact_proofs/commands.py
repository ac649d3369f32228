"""The commands as functions on files. Each package does its own work; nothing is decided here."""

import errno
import os
import secrets
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from certificates.short import OverBudget
from certificates.strategies import STRATEGIES, Strategy, UnknownStrategy
from certificates.strategies import prove as prove_model
from checker import Verdict
from checker import check as check_bytes
from checker.__main__ import read
from checker.errors import Declined, Rejected
from checker.model import ExactModel
from compact_proofs.theorems import module_file, theorem_file
from model_export.errors import UnsupportedWeights
from model_export.exact_model import export as export_weights
from model_export.training import Weights, save_weights
from model_export.training import train as train_model

FilePath = str | PathLike[str]

# What bad input leads to, from any of the functions; messages are of one line.
ERRORS = (
    OSError,
    ImportError,
    UnsupportedWeights,
    UnknownStrategy,
    OverBudget,
    Declined,
    Rejected,
    ValueError,
)


def export(weights: FilePath, output: FilePath, task: str = "max") -> ExactModel:
    """Write the exact model of trained weights (`docs/weights.md`) to `output`, and return it."""
    return export_weights(Path(weights), Path(output), task)


def prove(model: FilePath, strategy: str, output: FilePath, budget: int | None = None) -> bytes:
    """Write the certificate that a strategy finds for a model file to `output`, and return it.

    Some strategies accept a budget: the most operations that the check may take.
    """
    certificate = prove_model(read(str(model)), strategy, budget)
    Path(output).write_bytes(certificate)
    return certificate


def check(model: FilePath, certificate: FilePath) -> Verdict:
    """The kernel's verdict on a certificate file for a model file."""
    return check_bytes(read(str(model)), read(str(certificate)))


def theorem(model: FilePath, certificate: FilePath, output: FilePath) -> Verdict:
    """Write what an accepted certificate proves to `output`, as a theorem that `coqc` is to prove; returns
    the kernel's verdict. Nothing is written unless it is `accepted`.

    Raises `ValueError` if the file's name is not that of a module of Coq, such as `max.v`, or if the
    certificate uses a rule that the verified checker does not have.
    """
    path = module_file(str(output))
    files = read(str(model)), read(str(certificate))
    verdict = check_bytes(*files)
    if verdict.verdict == "accepted":
        if verdict.unverified_rules:
            raise ValueError(f"not proved sound in Coq: {', '.join(verdict.unverified_rules)}")
        path.write_text(theorem_file(*files, verdict, path.name), encoding="ascii")
    return verdict


def strategies() -> list[Strategy]:
    """All proof strategies, from the shortest proof to the longest."""
    return list(STRATEGIES.values())


def train(
    output: FilePath,
    positions: int = 4,
    vocabulary: int = 64,
    width: int = 32,
    seed: int = 0,
    steps: int = 3000,
    progress: bool = False,
) -> Weights:
    """Train a model on the task `max` and write its weights to `output`, a safetensors file.

    Attention has one head as wide as the model. Needs the extra `train`.
    """
    path = Path(output)
    if path.suffix != ".safetensors":
        raise ValueError(f"{path.name}: weights are written as .safetensors")
    sizes = {"positions": positions, "vocabulary": vocabulary, "width": width, "head_width": width}
    # Said before minutes of training rather than after.
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(errno.EACCES, "cannot be written", str(path))
    weights = train_model(positions, vocabulary, width, width, seed=seed, steps=steps, progress=progress)
    save_weights(weights, path, {**sizes, "seed": seed, "steps": steps})
    return weights


def fuzz(
    examples: int | None = None,
    seconds: float | None = None,
    seed: int | None = None,
    jobs: int | None = None,
    output: FilePath = "fuzz-failures",
    database: FilePath = ".hypothesis",
    progress: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Have the kernel check so many changed certificates, or for so many seconds, in `jobs` processes, and
    compare what it accepts with the truth by brute force; returns the report (`fuzzing.report`).

    What fails is saved in the folder `output`, and its seed in the folder `database`, so that the next
    run begins with it. Needs the extra `fuzz`.
    """
    try:
        from fuzzing import campaign, processes, report
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise ImportError("fuzzing needs Hypothesis: pip install 'compact-proofs[fuzz]'") from None
    run = processes.Run(
        seed=secrets.randbelow(2**32) if seed is None else seed,
        jobs=processes.cores() if jobs is None else jobs,
        mutants=examples,
        seconds=60.0 if examples is None and seconds is None else seconds,
        failures=Path(output),
        database=Path(database),
    )

    def show(totals: campaign.Totals) -> None:
        progress(f"{totals.mutants:,} changed certificates, {len(totals.failures)} failures")

    return report.as_object(run, processes.fuzz(run, show))
