"""What a low-rank explanation leaves of a circuit, against noise with the same statistics.

A circuit is a product left M right, of which M is a product of two weight matrices. With the singular value
decomposition of left M, the explanation is its first directions, and the residual the rest. A *draw* has the same
explanation, and in place of the residual one with the same singular values whose singular vectors are uniformly
random among those orthogonal to the explanation. As left has full rank, a draw is again an exact model, so that
bounds for it are proved and checked like any other.

    QK   left = W_E + W_pos[-1], M = W_Q W_K^T, right = W_E^T / sqrt(head_width)
    OV   left = W_E,             M = W_V W_O,   right = W_U
    EU   left = W_E + W_pos[-1], M = identity,  right = W_U

The residual of EU is one of the embedding itself, which no model can change without changing QK and OV: of this
circuit there are tables, and no models. Gross et al. (arXiv 2406.11779, section 5) call it structureless noise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from certificates.boxes import BoxSearch
from certificates.prover import Prover
from certificates.short import LOW_RANK_EU, LOW_RANK_OV, LOW_RANK_QK, LOWEST_PRICE, Cut, Rank, low_rank_tables
from checker.model import parse_model
from compact_proofs.commands import export
from compact_proofs.study.accuracy import accuracy, read
from compact_proofs.study.proofs import How, proved
from compact_proofs.study.workers import Workers, in_parallel
from model_export.training import Weights, save_weights

Floats = npt.NDArray[np.float64]

DRAWS = 100
TABLE_DRAWS = 1000
# How each circuit is explained; the others are exact.
CUTS = {"QK": LOW_RANK_QK, "OV": LOW_RANK_OV, "EU": LOW_RANK_EU}
PRODUCTS = {"QK": ("W_Q", "W_K"), "OV": ("W_V", "W_O")}
# Of the model as it was trained, and of the explanation with no residual at all.
TRAINED, WITHOUT = "trained", "without"
RANKS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32)


@dataclass(frozen=True)
class DrawRow:
    """A model whose residual of one circuit is what `residual` says (a draw's number, or `trained`, or
    `without`), its bound by a proof that knows that circuit by low rank, and its accuracy in floating point."""

    circuit: str
    residual: str
    operations: int
    correct_at_least: int
    total: int
    accuracy: float


@dataclass(frozen=True)
class TableRow:
    """A statistic of the residual's table: of the trained model, and of random draws its mean and standard
    deviation; `z` is how many of these the trained one is above the mean."""

    circuit: str
    statistic: str
    trained: float
    mean: float
    std: float
    z: float


@dataclass(frozen=True)
class DirectionRow:
    """How the bound of one circuit's low-rank proof grows with the rank of its hint, the other circuits exact.
    `singular_value` is that of the first direction that is left out."""

    circuit: str
    rank: int
    singular_value: float
    operations: int
    correct_at_least: int
    total: int


@dataclass(frozen=True)
class Circuit:
    """One circuit: the factors of its table, and how many directions the explanation has."""

    left: Floats
    middle: Floats
    right: Floats
    rank: int


def circuit(weights: Weights, name: str) -> Circuit:
    """The circuit `name` (QK, OV or EU) of a model, explained as far as the hints of its class go."""
    w = {key: np.asarray(weight, np.float64) for key, weight in weights.items()}
    width = w["W_E"].shape[1]
    rank = CUTS[name].ranks[0].of(width)
    queries = w["W_E"] + w["W_pos"][-1]
    if name == "QK":
        return Circuit(queries, w["W_Q"] @ w["W_K"].T, w["W_E"].T / np.sqrt(w["W_Q"].shape[1]), rank)
    if name == "OV":
        return Circuit(w["W_E"], w["W_V"] @ w["W_O"], w["W_U"], rank)
    return Circuit(queries, np.eye(width), w["W_U"], rank)


def residuals(found: Circuit) -> tuple[Floats, Callable[[np.random.Generator], Floats]]:
    """The residual of `left M`, and a function that draws one like it."""
    left, singular, right = np.linalg.svd(found.left @ found.middle, full_matrices=False)
    rank, kept = found.rank, int(np.count_nonzero(singular > singular[0] * 1e-12))
    # All directions that `left` spans, but for those of the explanation.
    explained = left[:, :rank]
    span = np.linalg.svd(found.left - explained @ (explained.T @ found.left), full_matrices=False)[0]
    span = span[:, : left.shape[1] - rank]
    tail = singular[rank:kept]

    def draw(generator: np.random.Generator) -> Floats:
        rows = span @ _orthogonal(span.shape[1], generator)[:, : len(tail)]
        columns = _orthogonal(len(right) - rank, generator)[: len(tail)] @ right[rank:]
        return (rows * tail) @ columns

    return (left[:, rank:kept] * tail) @ right[rank:kept], draw


def _orthogonal(size: int, generator: np.random.Generator) -> Floats:
    """A uniformly random orthogonal matrix (Mezzadri, arXiv math-ph/0609050)."""
    q, r = np.linalg.qr(generator.standard_normal((size, size)))
    return np.asarray(q * np.sign(np.diag(r)), np.float64)


def with_residual(weights: Weights, name: str, new: Floats) -> dict[str, Floats]:
    """The model whose residual of the circuit `name`, QK or OV, is `new`, an array like `left`."""
    found = circuit(weights, name)
    old, _ = residuals(found)
    middle = found.middle + np.linalg.pinv(found.left) @ (new - old)
    left, singular, right = np.linalg.svd(middle)
    first, second = PRODUCTS[name]
    half = np.sqrt(singular)
    factors = {first: left * half, second: (half[:, None] * right).T if name == "QK" else half[:, None] * right}
    return {**{key: np.asarray(weight, np.float64) for key, weight in weights.items()}, **factors}


def statistics(found: Circuit, residual: Floats) -> dict[str, float]:
    """What a residual does to its table, in the unit of scores or logits.

    `rms` of the entries, the `largest` one, the largest difference within a row (`row difference`, by which the
    published proofs bound it), and the mean bound by Cauchy-Schwarz (`charged`, as ours do).
    """
    table = residual @ found.right
    norms = np.outer(np.linalg.norm(residual, axis=1), np.linalg.norm(found.right, axis=0))
    return {
        "rms": float(np.sqrt((table**2).mean())),
        "largest": float(np.abs(table).max()),
        "row difference": float(np.ptp(table, axis=1).max()),
        "charged": float(norms.mean()),
    }


def table_rows(weights: Weights, draws: int = TABLE_DRAWS, seed: int = 0) -> list[TableRow]:
    """The statistics of every circuit's residual among those of random ones."""
    rows = []
    for name in CUTS:
        found = circuit(weights, name)
        residual, draw = residuals(found)
        generator = np.random.default_rng(seed)
        drawn = [statistics(found, draw(generator)) for _ in range(draws)]
        for statistic, value in statistics(found, residual).items():
            values = np.array([each[statistic] for each in drawn])
            mean, std = float(values.mean()), float(values.std(ddof=1))
            rows.append(TableRow(name, statistic, value, mean, std, (value - mean) / std))
    return rows


def whole_proof(model_data: bytes, cuts: Mapping[str, Cut]) -> bytes:
    """A proof with one check for each group of a label and some queries, which must hold for every input of the
    group: with no inputs left out of a group there is nothing to choose, and what it certifies follows smoothly
    what is known of the tables."""
    prover = Prover(model_data, low_rank_tables(parse_model(model_data), cuts))
    search = BoxSearch(prover, whole=True)
    return prover.certificate(search.groups(LOWEST_PRICE * prover.model.total))


def draw_row(task: tuple[str, str], weights: Path, output: Path, how: How) -> DrawRow:
    """The proof of one model with another residual: `task` is the circuit, and which residual."""
    name, kind = task
    tensors = read(weights)
    old, draw = residuals(circuit(tensors, name))
    if kind == WITHOUT:
        tensors = with_residual(tensors, name, np.zeros_like(old))
    elif kind != TRAINED:
        tensors = with_residual(tensors, name, draw(np.random.default_rng([ord(name[0]), int(kind)])))
    model = _exported(tensors, output / f"{name}-{kind}")
    certificate = model.with_suffix(".certificate")
    proof = proved(model, certificate, partial(whole_proof, cuts={name: CUTS[name]}), how)
    return DrawRow(name, kind, proof.operations, proof.correct_at_least, proof.total, accuracy(tensors)[0])


def direction_row(task: tuple[str, int], weights: Path, output: Path, how: How) -> DirectionRow:
    """The proof of the trained model with a hint of one rank: `task` is the circuit, and the rank."""
    name, rank = task
    tensors = read(weights)
    model = _exported(tensors, output / f"{name}-rank-{rank}")
    cuts = {name: Cut(CUTS[name].matrices, (Rank(constant=rank), Rank(constant=1)))}
    certificate = model.with_suffix(".certificate")
    proof = proved(model, certificate, partial(whole_proof, cuts=cuts), how)
    found = circuit(tensors, name)
    first = found.left @ found.middle
    # As in the hint, one of the rank is the mean.
    singular = np.linalg.svd(first - first.mean(axis=0), compute_uv=False)
    return DirectionRow(name, rank, float(singular[rank - 1]), proof.operations, proof.correct_at_least, proof.total)


def _exported(weights: Weights, path: Path) -> Path:
    """The exact model of `weights`, beside their file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors, model = path.with_suffix(".safetensors"), path.with_suffix(".model")
    save_weights(weights, tensors, {})
    export(tensors, model)
    return model


def noise(
    weights: Path,
    output: Path,
    workers: Workers,
    how: How,
    draws: int = DRAWS,
    starting: Callable[[str], None] = lambda step: None,
) -> tuple[list[DrawRow], list[DirectionRow]]:
    """Bounds of one trained model, of `draws` models for each of QK and OV whose residual is noise, and by
    hints of growing rank. Kept in the folder `output`, and used again."""
    kinds = [TRAINED, WITHOUT, *map(str, range(draws))]
    tasks = [(name, kind) for name in PRODUCTS for kind in kinds]
    drawn = in_parallel(partial(draw_row, weights=weights, output=output, how=how), tasks, workers, starting)
    ranks = [(name, rank) for name in CUTS for rank in RANKS]
    directions = in_parallel(partial(direction_row, weights=weights, output=output, how=how), ranks, workers, starting)
    return drawn, directions
