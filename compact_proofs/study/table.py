"""What a study found, in numbers: mean, standard deviation, least and greatest over the seeds of a family."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

import numpy as np

from compact_proofs.frontier_plot import PUBLISHED
from compact_proofs.study.fine_tuning import TuningRow, shortest, within
from compact_proofs.study.noise import DirectionRow, DrawRow, TableRow
from compact_proofs.study.run import ModelRow, ProofRow


@dataclass(frozen=True)
class SummaryRow:
    """All proofs of one family by one strategy. The ratio is bound over accuracy, of which a sampled one may by
    chance be below the bound; `published` is the mean bound of the paper for the same strategy, if it has one."""

    family: str
    strategy: str
    models: int
    bound_mean: float
    bound_std: float
    bound_least: float
    bound_greatest: float
    ratio_mean: float
    ratio_std: float
    ratio_least: float
    ratio_greatest: float
    operations_mean: float
    operations_least: int
    operations_greatest: int
    prove_seconds_median: float
    check_seconds_median: float
    check_seconds_sum: float
    published: float | None


@dataclass(frozen=True)
class Spread:
    """Mean, sample standard deviation (0 for one value), least and greatest."""

    mean: float
    std: float
    least: float
    greatest: float


def spread(values: Sequence[float]) -> Spread:
    """The spread of at least one value."""
    return Spread(fmean(values), stdev(values) if len(values) > 1 else 0.0, min(values), max(values))


def summary(models: Sequence[ModelRow], proofs: Sequence[ProofRow]) -> list[SummaryRow]:
    """A row for each family and strategy, in the order in which they first occur."""
    accuracies = {(row.family, row.seed): row.accuracy for row in models}
    together: dict[tuple[str, str], list[ProofRow]] = {}
    for proof in proofs:
        together.setdefault((proof.family, proof.strategy), []).append(proof)
    return [_summary(family, strategy, rows, accuracies) for (family, strategy), rows in together.items()]


def _summary(
    family: str, strategy: str, rows: Sequence[ProofRow], accuracies: dict[tuple[str, int], float]
) -> SummaryRow:
    bounds = [row.correct_at_least / row.total for row in rows]
    ratios = [
        bound / accuracies[row.family, row.seed] if accuracies[row.family, row.seed] else 0.0
        for bound, row in zip(bounds, rows, strict=True)
    ]
    bound, ratio, operations = spread(bounds), spread(ratios), [row.operations for row in rows]
    return SummaryRow(
        family=family,
        strategy=strategy,
        models=len(rows),
        bound_mean=bound.mean,
        bound_std=bound.std,
        bound_least=bound.least,
        bound_greatest=bound.greatest,
        ratio_mean=ratio.mean,
        ratio_std=ratio.std,
        ratio_least=ratio.least,
        ratio_greatest=ratio.greatest,
        operations_mean=fmean(operations),
        operations_least=min(operations),
        operations_greatest=max(operations),
        prove_seconds_median=median(row.prove_seconds for row in rows),
        check_seconds_median=median(row.check_seconds for row in rows),
        check_seconds_sum=round(sum(row.check_seconds for row in rows), 1),
        published=published_means(rows[0].total).get(strategy),
    )


def published_means(inputs: int) -> dict[str, float]:
    """The means over 151 seeds that Gross et al. report for models of so many inputs, by our strategy. Their brute
    force counts what is true, and so does `exact`."""
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        means = {
            row["class"]: float(row["bound"])
            for row in csv.DictReader(file)
            if row["source"].endswith("mean of 151 seeds") and int(row["inputs"]) == inputs
        }
    if "brute-force" in means:
        means["exact"] = means["brute-force"]
    return means


# Columns of any of the tables that are left out where there is little room, in this order.
OPTIONAL = ("prove s", "check s", "accuracy of draws", "greatest", "accuracy", "of accuracy", "paper", "least")
SUMMARY = (
    "family",
    "strategy",
    "models",
    "bound",
    "least",
    "greatest",
    "of accuracy",
    "operations",
    "prove s",
    "check s",
    "paper",
)


def printed(row: SummaryRow) -> list[str]:
    """The cells of a row, in the order of `SUMMARY`."""
    return [
        row.family,
        row.strategy,
        str(row.models),
        f"{row.bound_mean:.5f} ± {row.bound_std:.5f}",
        f"{row.bound_least:.5f}",
        f"{row.bound_greatest:.5f}",
        f"{row.ratio_mean:.5f}",
        f"{row.operations_mean:,.0f}",
        f"{row.prove_seconds_median:.2f}",
        f"{row.check_seconds_median:.2f}",
        "" if row.published is None else f"{row.published:g}",
    ]


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the least-squares line through points on logarithmic axes: y grows like x to this power.

    Needs two different x, all positive.
    """
    x, y = np.log(np.array(points, dtype=float)).T
    return float(np.polyfit(x, y, 1)[0])


def growth(proofs: Sequence[ProofRow], families: Sequence[tuple[str, int]], strategy: str) -> list[tuple[int, float]]:
    """For each pair of a family and its size (vocabulary or positions), the size and the mean operations."""
    points = []
    for family, size in families:
        found = [row.operations for row in proofs if (row.family, row.strategy) == (family, strategy)]
        if found:
            points.append((size, fmean(found)))
    return points


DRAWS = ("circuit", "draws", "trained", "random mean", "std", "z", "least", "greatest", "without", "accuracy of draws")


def printed_draws(rows: Sequence[DrawRow]) -> list[list[str]]:
    """For each circuit, the bound of the trained model among those with random residuals, and with none."""
    lines = []
    for circuit in dict.fromkeys(row.circuit for row in rows):
        own = {row.residual: row for row in rows if row.circuit == circuit}
        trained, without = own.pop("trained"), own.pop("without")
        bounds = spread([row.correct_at_least / row.total for row in own.values()])
        bound = trained.correct_at_least / trained.total
        lines.append(
            [
                circuit,
                str(len(own)),
                f"{bound:.5f}",
                f"{bounds.mean:.5f}",
                f"{bounds.std:.5f}",
                f"{(bound - bounds.mean) / bounds.std:+.2f}" if bounds.std else "",
                f"{bounds.least:.5f}",
                f"{bounds.greatest:.5f}",
                f"{without.correct_at_least / without.total:.5f}",
                f"{fmean(row.accuracy for row in own.values()):.5f}",
            ]
        )
    return lines


STATISTICS = ("circuit", "statistic", "trained", "random mean", "std", "z")


def printed_statistics(rows: Sequence[TableRow]) -> list[list[str]]:
    """The cells of each row, in the order of `STATISTICS`."""
    return [
        [row.circuit, row.statistic, f"{row.trained:.4f}", f"{row.mean:.4f}", f"{row.std:.4f}", f"{row.z:+.2f}"]
        for row in rows
    ]


DIRECTIONS = ("rank", "QK", "OV", "EU")


def printed_directions(rows: Sequence[DirectionRow]) -> list[list[str]]:
    """For each rank, the bound with a hint of this rank for one circuit, circuit by circuit."""
    bounds = {(row.circuit, row.rank): f"{row.correct_at_least / row.total:.5f}" for row in rows}
    ranks = sorted({rank for _, rank in bounds})
    return [[str(rank), *(bounds.get((circuit, rank), "") for circuit in DIRECTIONS[1:])] for rank in ranks]


BUDGET, SHORT = 750_000, 0.95
TUNING = (
    "stage",
    "class",
    "models",
    "accuracy",
    f"best bound within {BUDGET:,}",
    "least",
    f"shortest for {SHORT:g}",
    "greatest",
)


def printed_tuning(rows: Sequence[TuningRow]) -> list[list[str]]:
    """For each stage and class: accuracy, the best bound within the budget, and the shortest proof of the bound
    `SHORT`; means over the seeds, 0 for a model without a proof within the budget."""
    lines = []
    for stage, strategy in dict.fromkeys((row.stage, row.strategy) for row in rows):
        own = [row for row in rows if (row.stage, row.strategy) == (stage, strategy)]
        seeds = sorted({row.seed for row in own})
        accuracies = [next(row.accuracy for row in own if row.seed == seed) for seed in seeds]
        best = [within([row for row in own if row.seed == seed], BUDGET) for seed in seeds]
        bounds = [row.correct_at_least / row.total if row else 0.0 for row in best]
        short = [shortest([row for row in own if row.seed == seed], SHORT) for seed in seeds]
        lengths = [row.operations for row in short if row]
        reached = len(lengths) == len(seeds)
        lines.append(
            [
                stage,
                strategy,
                str(len(seeds)),
                f"{fmean(accuracies):.5f}",
                f"{fmean(bounds):.5f}",
                f"{min(bounds):.5f}",
                f"{fmean(lengths):,.0f}" if reached else f"{len(seeds) - len(lengths)} without",
                f"{max(lengths):,}" if reached else "",
            ]
        )
    return lines
