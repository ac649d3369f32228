"""The commands as functions on files. Each package does its own work; nothing is decided here."""

import secrets
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from certificates.prover import Proof
from certificates.short import OverBudget
from certificates.strategies import STRATEGIES, Strategy, UnknownStrategy, find_proof
from checker import Verdict
from checker import check as check_bytes
from checker.__main__ import read
from checker.errors import Declined, Rejected
from checker.models.attention_only import parse_model
from checker.models.program import parse_program
from checker.rules.examine import PROGRAM
from compact_proofs.theorems import module_file, theorem_file
from model_export.configuration import read_configuration
from model_export.errors import UnsupportedWeights
from model_export.exact_model import Exported
from model_export.exact_model import export as export_weights
from model_export.floating_point import Answer, Forward, Weights, answers, float_weights
from model_export.output_files import require_output, write_whole
from model_export.program import ExportedProgram
from model_export.program import export_program as write_program
from model_export.program_floating_point import ProgramAnswer, program_answers
from model_export.training import save_weights
from model_export.training import train as train_model
from model_export.weights_files import read_weights

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


def export(
    weights: FilePath,
    output: FilePath,
    task: str = "max",
    config: FilePath | None = None,
    positions: int | None = None,
) -> Exported:
    """Write the exact model of trained weights (`docs/weights.md`) to `output`, and return it.

    The configuration, a JSON file, must agree; without one, `assumed` of the result says what was
    assumed. Inputs have as many tokens as the weights have positions, or as `positions` says.
    """
    configuration = None if config is None else Path(config)
    require_output(Path(output), [Path(weights), *([configuration] if configuration else [])])
    return export_weights(Path(weights), Path(output), task, configuration, positions)


def evaluate(
    model: FilePath, inputs: Sequence[Sequence[int]] = (), random: int = 0, seed: int = 0
) -> list[Answer] | list[ProgramAnswer]:
    """What the model in a model file says to inputs, and to so many random ones, in floating point."""
    data = read(str(model))
    if data.startswith(PROGRAM):
        return program_answers(parse_program(data), inputs, random, seed)
    weights = float_weights(parse_model(data))
    drawn = [tokens for batch in Forward(weights).random_inputs(random, seed) for tokens in batch.tolist()]
    return answers(weights, [*inputs, *drawn])


def program_settings(config: FilePath | None, **given: str | None) -> dict[str, Any]:
    """The configuration of a model: that of a JSON file, if any, and what is given besides."""
    settings = {} if config is None else _json_object(config, "--config")
    return settings | {name: value for name, value in given.items() if value is not None}


def _json_object(path: FilePath, option: str) -> dict[str, Any]:
    """The JSON object in a file that an option names. Raises `UnsupportedWeights`, which names both."""
    try:
        return read_configuration(Path(path))
    except UnsupportedWeights as error:
        raise UnsupportedWeights(f"{option} {error}") from error


def export_program(
    weights: FilePath,
    output: FilePath,
    settings: dict[str, Any],
    names: FilePath | None = None,
    config: FilePath | None = None,
) -> ExportedProgram:
    """Write the program of trained weights (`docs/weights.md`) to `output`, and return it.

    `settings` are the keys of TransformerLens and of `model_export.program`, and `config` the file that they
    come from, if any; `names`, a JSON file, maps names in the weights file to those of its format.
    """
    require_output(Path(output), [Path(path) for path in (weights, names, config) if path is not None])
    tensors = dict(read_weights(Path(weights)))
    for name, renamed in ({} if names is None else _json_object(names, "--map")).items():
        if not isinstance(renamed, str) or name not in tensors or renamed in tensors:
            raise UnsupportedWeights(f"--map {names}: tensor {name}: cannot be called {renamed!r}")
        tensors[renamed] = tensors.pop(name)
    return write_program(tensors, settings, Path(output))


def prove(model: FilePath, strategy: str, output: FilePath, budget: int | None = None) -> Proof:
    """Write the certificate that a strategy finds for a model file to `output`, and return the proof.

    Some strategies accept a budget: the most operations that the check may take.
    """
    require_output(Path(output), [Path(model)])
    proof = find_proof(read(str(model)), strategy, budget)
    write_whole(Path(output), proof.certificate)
    return proof


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
    require_output(path, [Path(model), Path(certificate)])
    files = read(str(model)), read(str(certificate))
    verdict = check_bytes(*files)
    if verdict.verdict == "accepted":
        if verdict.unverified_rules:
            raise ValueError(f"not proved sound in Coq: {', '.join(verdict.unverified_rules)}")
        write_whole(path, theorem_file(*files, verdict, path.name).encode("ascii"))
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
    require_output(path)
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
        raise ImportError("fuzzing needs Hypothesis: pip install '.[fuzz]' in a clone") from None
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
