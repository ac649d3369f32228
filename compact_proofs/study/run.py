"""Models trained from their seeds, exported, proved and checked; what is already there is used again.

The output folder has the weights in `weights/`, exact models in `models/`, and certificates with what the kernel
said of them in `proofs/`.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from certificates.short import OverBudget
from checker.errors import Declined
from checker.header import model_hash
from compact_proofs.commands import export, train
from compact_proofs.study.accuracy import SAMPLE_SEED, SAMPLES, accuracy, faithfulness, read
from compact_proofs.study.plan import WIDTH, StudyModel
from compact_proofs.study.proofs import How, Proof, proved
from compact_proofs.study.records import file_sha256, keep, kept
from compact_proofs.study.searches import by_strategy
from compact_proofs.study.workers import Workers, in_parallel
from model_export.errors import UnsupportedWeights
from model_export.output_files import write_whole


@dataclass(frozen=True)
class ModelRow:
    """A model: its files' hashes, its accuracy in floating point, `counted` or `sampled`, and the ratio of the
    first two singular values of EQKE."""

    family: str
    seed: int
    accuracy: float
    accuracy_is: str
    faithfulness: float
    weights_sha256: str
    model_sha256: str


@dataclass(frozen=True)
class ProofRow:
    """A proof of a model; numbers are as in `Proof`."""

    family: str
    seed: int
    strategy: str
    operations: int
    machine_operations: int
    correct_at_least: int
    total: int
    certificate_bytes: int
    prove_seconds: float
    check_seconds: float
    verified: int | None
    certificate_sha256: str


@dataclass(frozen=True)
class Missing:
    """A strategy that found no proof of a model, and why."""

    model: str
    strategy: str
    reason: str


Found = tuple[ModelRow, list[ProofRow], list[Missing]]


def study(
    models: Sequence[StudyModel],
    output: Path,
    workers: Workers,
    how: How,
    starting: Callable[[str], None] = lambda step: None,
) -> tuple[list[ModelRow], list[ProofRow], list[Missing]]:
    """Train, export, prove and check every model; all that was found, in the order of the models.

    Raises `CheckerFailed` where a checker does not accept.
    """
    found = in_parallel(partial(study_model, output=output, how=how), models, workers, starting)
    return (
        [row for row, _, _ in found],
        [proof for _, proofs, _ in found for proof in proofs],
        [reason for _, _, missing in found for reason in missing],
    )


def study_model(model: StudyModel, output: Path, how: How) -> Found:
    """All that the study finds about one model."""
    weights = trained(model, output)
    path = output / "models" / f"{model.name}.model"
    path.parent.mkdir(parents=True, exist_ok=True)
    export(weights, path)
    row = _described(model, weights, path, output / "models" / f"{model.name}.json")
    proofs, missing = [], []
    for strategy in model.strategies:
        certificate = output / "proofs" / model.name / f"{strategy}.certificate"
        try:
            proof = proved(path, certificate, partial(by_strategy, path, strategy), how)
        except (Declined, OverBudget) as error:
            missing.append(Missing(model.name, strategy, str(error)))
        else:
            proofs.append(_row(model, strategy, proof))
    return row, proofs, missing


def weights_file(model: StudyModel, output: Path) -> Path:
    """Where the weights of a model are, or will be."""
    return output / "weights" / f"{model.name}.safetensors"


def trained(model: StudyModel, output: Path) -> Path:
    """The weights file of a model, trained unless it is there as its hash, in a file beside it, says.

    Weights without a hash beside them, put there by hand, are taken if they can be read.
    """
    family = model.family
    path = weights_file(model, output)
    hash_path = path.with_suffix(".sha256")
    line = f"{file_sha256(path)}  {path.name}\n"
    if path.exists() and (hash_path.read_text("ascii") == line if hash_path.exists() else _readable(path)):
        if not hash_path.exists():
            write_whole(hash_path, line.encode("ascii"))
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".partial.safetensors")
    train(new, family.positions, family.vocabulary, WIDTH, model.seed, family.steps)
    write_whole(hash_path, f"{file_sha256(new)}  {path.name}\n".encode("ascii"))
    new.replace(path)
    return path


def _readable(weights: Path) -> bool:
    try:
        read(weights)
    except UnsupportedWeights:
        return False
    return True


def _described(model: StudyModel, weights: Path, exact: Path, record: Path) -> ModelRow:
    source = sha256(Path(accuracy.__code__.co_filename).read_bytes()).hexdigest()
    sample = f"{SAMPLES} with seed {SAMPLE_SEED}"
    key = {"model": model_hash(exact.read_bytes()), "weights": file_sha256(weights), "code": source, "sample": sample}
    values = kept(record, key)
    if values is None:
        tensors = read(weights)
        share, is_ = accuracy(tensors)
        row = ModelRow(
            family=model.family.name,
            seed=model.seed,
            accuracy=share,
            accuracy_is=is_,
            faithfulness=round(faithfulness(tensors), 3),
            weights_sha256=key["weights"],
            model_sha256=key["model"],
        )
        values = asdict(row)
        keep(record, key, values)
    return ModelRow(**values)


def _row(model: StudyModel, strategy: str, proof: Proof) -> ProofRow:
    numbers = asdict(proof)
    del numbers["model_sha256"]
    return ProofRow(family=model.family.name, seed=model.seed, strategy=strategy, **numbers)
