"""Training a model further so that its explanation leaves little out, and what the shortest proofs gain.

The explanation: attention is one direction of W_Q W_K^T, what a token moves are a few of W_V W_O, and the
direct path is nothing. Its proof, the class `quadratic`, multiplies the embedding with no full matrix: rule
`low_rank` takes the hints of these ranks, and charges what they leave, by norms:

    QK   |X[q]| |residual of W_Q W_K^T| |W_E[t]| / sqrt(head_width)
    OV   |W_E[t]| |residual of W_V W_O| |W_U[:, o]|
    EU   |X[q]| |W_U[:, o]|                                  with X = W_E + W_pos[-1]

The penalty is the mean of these charges, with Frobenius norms for the residuals. `compressed` then drops what is
left: another model of the same vocabulary, as narrow as the explanation.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from certificates.hints import dyadic, unscaled
from certificates.strategies import CLASSES
from checker.certificate import Factor, Table
from compact_proofs.commands import export
from compact_proofs.study.accuracy import accuracy, read
from compact_proofs.study.proofs import How, proved
from compact_proofs.study.records import file_sha256, keep, kept
from compact_proofs.study.searches import Search, class_search, paths, table_search
from compact_proofs.study.workers import Workers, in_parallel
from model_export.floating_point import Weights
from model_export.training import last_logits, save_weights

if TYPE_CHECKING:
    from torch import Tensor

Floats = npt.NDArray[np.float64]

SEEDS = 5
# Directions of W_Q W_K^T and of W_V W_O in the explanation.
QK_RANK, OV_RANK = 1, 5
STEPS, BATCH_SIZE, LEARNING_RATE = 3000, 128, 1e-3
RESIDUAL_PENALTY, DIRECT_PENALTY = 0.02, 0.05
# Before, embedding and unembedding become so many times smaller, and what is between them larger, which leaves
# attention and OV as they are and takes away most of the direct path.
RESCALED = 4.0
# Half of each batch has tokens this close to the largest one, on average: inputs that proofs find hard.
NEAR = 3.0
RECIPE: dict[str, int | float] = {
    "qk_rank": QK_RANK,
    "ov_rank": OV_RANK,
    "steps": STEPS,
    "batch_size": BATCH_SIZE,
    "learning_rate": LEARNING_RATE,
    "residual_penalty": RESIDUAL_PENALTY,
    "direct_penalty": DIRECT_PENALTY,
    "rescaled": RESCALED,
    "near": NEAR,
}
HINT_BITS = 24

# Stages of a model, and the classes that prove it.
TRAINED, FINE_TUNED, COMPRESSED = "trained", "fine-tuned", "compressed"
QUADRATIC, NARROW = "quadratic", "narrow"
CHEAPEST = "quadratic-QK-low-rank-EU"
STAGES = {TRAINED: (CHEAPEST,), FINE_TUNED: (QUADRATIC,), COMPRESSED: (NARROW,)}
PRICES = (15, 16, 17, 18, 18.5, 19, 19.5, 20, 20.5, 21, 21.5, 22, 22.5, 23, 24)


@dataclass(frozen=True)
class TuningRow:
    """A proof of a model at one stage. An operation had to buy 2**-price of all inputs; the accuracy is counted in
    floating point."""

    seed: int
    stage: str
    strategy: str
    price: float
    operations: int
    correct_at_least: int
    total: int
    certificate_bytes: int
    accuracy: float


def charges(w: "Mapping[str, Tensor]") -> "tuple[Tensor, Tensor, Tensor]":
    """The mean charges for QK, OV and EU, differentiable."""

    def lengths(matrix: "Tensor", dim: int) -> "Tensor":
        return matrix.norm(dim=dim).mean()

    queries, tokens, outputs = lengths(w["W_E"] + w["W_pos"][-1], 1), lengths(w["W_E"], 1), lengths(w["W_U"], 0)
    qk, ov = w["W_Q"] @ w["W_K"].T / math.sqrt(w["W_Q"].shape[1]), w["W_V"] @ w["W_O"]
    return (
        queries * _residual(qk, QK_RANK).norm() * tokens,
        tokens * _residual(ov, OV_RANK).norm() * outputs,
        queries * outputs,
    )


def _residual(matrix: "Tensor", rank: int) -> "Tensor":
    """What the best approximation of this rank leaves. Of its norm, the derivative is the same with the
    approximation's directions held fixed, because they are the best (Danskin's theorem)."""
    import torch

    with torch.no_grad():
        left = torch.linalg.svd(matrix)[0][:, :rank]
    return matrix - left @ (left.T @ matrix)


def fine_tune(weights: Weights, seed: int, steps: int = STEPS) -> dict[str, npt.NDArray[np.float32]]:
    """`weights` trained further on the task `max` with the penalty; the same arguments give the same weights, as
    `model_export.training.train` does. Raises `ImportError` without PyTorch."""
    try:
        import torch
    except ImportError as error:
        raise ImportError("training needs PyTorch: pip install '.[train]' in a clone") from error
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        w = {name: torch.tensor(array, dtype=torch.float32) for name, array in rescaled(weights).items()}
        for tensor in w.values():
            tensor.requires_grad_()
        data = torch.Generator().manual_seed(int(np.random.SeedSequence([seed, 1]).generate_state(1)[0]))
        optimizer = torch.optim.AdamW(w.values(), lr=LEARNING_RATE, weight_decay=0.0)
        # Full rate for the first half, then down to nothing, so that the penalty's minimum is reached.
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, 2 * (1 - step / steps)))
        positions, vocabulary = len(w["W_pos"]), len(w["W_E"])
        for _ in range(steps):
            tokens = torch.randint(vocabulary, (BATCH_SIZE, positions), generator=data)
            half = BATCH_SIZE // 2
            largest = torch.randint(vocabulary, (half, 1), generator=data)
            below = torch.empty(half, positions).exponential_(1 / NEAR, generator=data).long()
            below.scatter_(1, torch.randint(positions, (half, 1), generator=data), 0)
            tokens[:half] = (largest - below).clamp(min=0)
            loss = torch.nn.functional.cross_entropy(last_logits(w, tokens), tokens.max(dim=1).values)
            qk, ov, direct = charges(w)
            loss = loss + RESIDUAL_PENALTY * (qk + ov) + DIRECT_PENALTY * direct
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        return {name: tensor.detach().numpy() for name, tensor in w.items()}
    finally:
        torch.set_num_threads(threads)


def rescaled(weights: Weights, by: float = RESCALED) -> dict[str, Floats]:
    """The weights with the same QK and OV, and a direct path smaller by the square of `by`."""
    down = {"W_E", "W_pos", "W_U"}
    return {name: np.asarray(array, np.float64) * (1 / by if name in down else by) for name, array in weights.items()}


def compressed(weights: Weights, qk_rank: int = QK_RANK, ov_rank: int = OV_RANK) -> dict[str, npt.NDArray[np.float32]]:
    """The explanation as a model: the residuals and the direct path are gone, and with them most of the width.

    The residual stream has qk_rank dimensions for queries, as many for keys, and ov_rank each for what is read and
    what is written. Tokens are read from the first and written to the last, so that the direct path is zero.
    """
    w = {name: np.asarray(array, np.float64) for name, array in weights.items()}
    head = max(qk_rank, ov_rank)
    query, key = _factors(w["W_Q"] @ w["W_K"].T / math.sqrt(w["W_Q"].shape[1] / head), qk_rank)
    value, out = _factors(w["W_V"] @ w["W_O"], ov_rank)
    starts = np.cumsum([0, qk_rank, qk_rank, ov_rank, ov_rank])
    width = int(starts[-1])
    read_from = np.hstack([query, key.T, value, np.zeros((len(query), ov_rank))])

    def select(start: int, count: int) -> Floats:
        return np.eye(width)[:, start : start + count] @ np.eye(count, head)

    small = {
        "W_E": w["W_E"] @ read_from,
        "W_pos": w["W_pos"] @ read_from,
        "W_Q": select(starts[0], qk_rank),
        "W_K": select(starts[1], qk_rank),
        "W_V": select(starts[2], ov_rank),
        "W_O": select(starts[3], ov_rank).T,
        "W_U": np.vstack([np.zeros((starts[3], w["W_U"].shape[1])), out @ w["W_U"]]),
    }
    # A power of two, so large that the norms of the direct path, which is zero, charge next to nothing.
    return {name: array.astype(np.float32) for name, array in rescaled(small, 2.0**10).items()}


def _factors(matrix: Floats, rank: int) -> tuple[Floats, Floats]:
    left, singular, right = np.linalg.svd(matrix)
    half = np.sqrt(singular[:rank])
    return left[:, :rank] * half, half[:, None] * right[:rank]


# The direct path, charged by the norms of queries and outputs.
DIRECT: Table = (Factor(1, None, None), Factor(1, None, None))


def quadratic_tables(model_data: bytes) -> tuple[Table, ...]:
    """The table claims of the class `quadratic`."""
    factors = paths(model_data)
    return (
        _middle(factors["QK"], QK_RANK),
        _middle(factors["OV"], OV_RANK),
        DIRECT,
    )


def narrow_tables(model_data: bytes) -> tuple[Table, ...]:
    """The table claims of the class `narrow`, for models as narrow as the explanation: QK and OV as products of two
    thin matrices, of which the hint of the second one has as many directions as there are."""
    factors = paths(model_data)
    return (
        _thin(factors["QK"], QK_RANK),
        _thin(factors["OV"], OV_RANK),
        DIRECT,
    )


def _thin(path: Sequence[Floats], rank: int) -> Table:
    """A claim for a path of four matrices, cut in the middle of the head."""
    left, right = _factors(path[2] @ path[3], min(rank, path[2].shape[0]))
    return Factor(2, None, None), Factor(2, (dyadic(left, bits=HINT_BITS), dyadic(right, bits=HINT_BITS)), None)


def _middle(path: Sequence[Floats], rank: int) -> Table:
    """A claim for a path of four matrices: a hint for the product of the two in the middle, of directions only, and
    a norm for what it leaves."""
    whole = path[1] @ path[2]
    left, right = _factors(whole, min(rank, *whole.shape))
    hint = dyadic(left, bits=HINT_BITS), dyadic(right, bits=HINT_BITS)
    remainder = whole - unscaled(hint[0]) @ unscaled(hint[1])
    # With the bound a quarter above the norm, what is left of the square has a root that a few bits confirm.
    bound = dyadic(np.array([[1.25 * float(np.linalg.norm(remainder, 2)) + 2.0**-30]], np.float64))
    gap = 0.9 * float(unscaled(bound)[0, 0]) ** 2 * np.eye(len(whole)) - remainder @ remainder.T
    norm = bound, dyadic(np.asarray(np.linalg.cholesky(gap), np.float64), bits=HINT_BITS)
    return Factor(1, None, None), Factor(2, hint, norm), Factor(1, None, None)


def searched(model_data: bytes, strategy: str) -> Search:
    """The proofs by a class, one of the strategies or of this module's own, at any price."""
    if strategy in CLASSES:
        return class_search(model_data, strategy)
    return table_search(model_data, {QUADRATIC: quadratic_tables, NARROW: narrow_tables}[strategy](model_data))


def fine_tuning(
    weights: Sequence[Path],
    output: Path,
    workers: Workers,
    how: How,
    starting: Callable[[str], None] = lambda step: None,
) -> list[TuningRow]:
    """Fine-tune the model of each weights file, and prove it at every stage. Kept in `output`, and used again."""
    tasks = list(enumerate(weights))
    found = in_parallel(partial(tuning_rows, output=output, how=how), tasks, workers, starting)
    return [row for rows in found for row in rows]


def tuning_rows(task: tuple[int, Path], output: Path, how: How) -> list[TuningRow]:
    """All proofs of one model at all stages: `task` is its seed, and the file of its trained weights."""
    seed, weights = task
    trained = read(weights)
    tuned = read(_fine_tuned(seed, weights, output / f"seed-{seed}.safetensors"))
    stages: dict[str, Weights] = {TRAINED: trained, FINE_TUNED: tuned, COMPRESSED: compressed(tuned)}
    return [
        row for stage, stage_weights in stages.items() for row in _stage_rows(seed, stage, stage_weights, output, how)
    ]


def _fine_tuned(seed: int, weights: Path, path: Path) -> Path:
    """The weights file `path`, made from `weights` unless it was kept whole, by this recipe."""
    record = path.with_suffix(".json")
    recipe = {"seed": seed, **RECIPE}
    key = {"weights": file_sha256(weights), "recipe": json.dumps(recipe)}
    if kept(record, key) != {"sha256": file_sha256(path)}:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_weights(fine_tune(read(weights), seed), path, recipe)
        keep(record, key, {"sha256": file_sha256(path)})
    return path


def _stage_rows(seed: int, stage: str, weights: Weights, output: Path, how: How) -> Iterator[TuningRow]:
    folder = output / f"seed-{seed}-{stage}"
    folder.mkdir(parents=True, exist_ok=True)
    tensors, model = folder / "weights.safetensors", folder / "weights.model"
    save_weights(weights, tensors, {})
    export(tensors, model)
    share, _ = accuracy(weights)
    for strategy in STAGES[stage]:
        # Shared by all prices, and not needed for what is kept.
        search = cache(partial(searched, model.read_bytes(), strategy))
        for price in PRICES:
            certificate = folder / f"{strategy}-{price:g}.certificate"
            proof = proved(model, certificate, partial(_at, price, search), how)
            yield TuningRow(
                seed=seed,
                stage=stage,
                strategy=strategy,
                price=price,
                operations=proof.operations,
                correct_at_least=proof.correct_at_least,
                total=proof.total,
                certificate_bytes=proof.certificate_bytes,
                accuracy=share,
            )


def _at(price: float, search: Callable[[], Search]) -> bytes:
    return search()(2.0**-price)


def within(rows: Sequence[TuningRow], budget: int) -> TuningRow | None:
    """The best of the proofs of at most `budget` operations."""
    return max((row for row in rows if row.operations <= budget), key=lambda row: row.correct_at_least, default=None)


def shortest(rows: Sequence[TuningRow], bound: float) -> TuningRow | None:
    """The shortest of the proofs of at least this bound."""
    fits = [row for row in rows if row.correct_at_least >= bound * row.total]
    return min(fits, key=lambda row: row.operations, default=None)
