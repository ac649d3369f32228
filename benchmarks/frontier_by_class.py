"""Print the best bound of each class of proofs within a number of operations, as a Markdown table.

    .venv/bin/python benchmarks/frontier_by_class.py docs/pictures/frontier.csv

reads tables that `compact-proofs frontier` has written. The published figures are of max-of-4
models of the same recipe, by the published code (compact_proofs/published_points.csv).
"""

import csv
import sys
from collections.abc import Iterable
from math import isnan, nan
from pathlib import Path
from statistics import mean

Row = dict[str, str]

EXACT = ("exact",)
EXACT_TABLES = ("exact", "cubic", "sub-cubic")
# Class, its strategies, operations at most, published bounds.
LIMITS = (
    ("exact", EXACT, 35_000_000, "0.95-0.96 (cubic, 35.1M)"),
    ("near exact", EXACT_TABLES, 10_000_000, "-"),
    ("exact tables", EXACT_TABLES, 2_500_000, "0.64-0.70 (2.54M)"),
    ("exact tables", EXACT_TABLES, 1_500_000, "-"),
    ("low-rank QK", ("low-rank-QK",), 2_400_000, "0.59-0.66 (3.5M)"),
    ("low-rank QK", ("low-rank-QK",), 1_300_000, "-"),
    ("low-rank EU", ("low-rank-EU",), 2_400_000, "0.62-0.65 (2.3M)"),
    ("low-rank QK and EU", ("low-rank-QK-EU",), 2_400_000, "0.60-0.62"),
    ("all three low-rank", ("low-rank",), 2_400_000, "-"),
    ("quadratic QK", ("quadratic-QK",), 2_300_000, "0.31-0.35 (2.2M)"),
    ("quadratic QK, low-rank EU", ("quadratic-QK-low-rank-EU",), 2_100_000, "0.28-0.32 (2.0M)"),
)


def read(paths: Iterable[str]) -> list[Row]:
    """The rows of all CSV files."""
    rows: list[Row] = []
    for path in paths:
        with Path(path).open(encoding="utf-8", newline="") as file:
            rows += csv.DictReader(file)
    return rows


def kind(model: str) -> str:
    """The model's name without its seed."""
    return model.split("-seed-")[0]


def best(rows: Iterable[Row], model: str, strategies: tuple[str, ...], operations: int) -> float:
    """The best bound that these strategies reach in so many operations; not a number if none."""
    bounds = (
        float(row["bound"])
        for row in rows
        if row["model"] == model and row["strategy"] in strategies and int(row["operations"]) <= operations
    )
    return max(bounds, default=nan)


def columns(models: Iterable[str]) -> dict[str, list[str]]:
    """The models of each kind, in the order in which they come."""
    found: dict[str, list[str]] = {}
    for model in models:
        found.setdefault(kind(model), []).append(model)
    return found


def cells(values: list[float]) -> list[str]:
    """The mean and, of several models, the least."""
    of_all = [mean(values), *([min(values)] if len(values) > 1 else [])]
    return ["-" if isnan(value) else f"{value:.5f}" for value in of_all]


def by_class(rows: list[Row]) -> str:
    """The table for all models in `rows`."""
    models = columns(dict.fromkeys(row["model"] for row in rows))
    header = ["class", "operations at most"]
    for name, of_kind in models.items():
        header += [f"{name}, mean of {len(of_kind)}", "least"] if len(of_kind) > 1 else [name]
    header.append("published code")
    accuracy = {row["model"]: float(row["accuracy"] or "nan") for row in rows}
    lines = [header, ["---"] * len(header)]
    whole = ["true or sampled accuracy", ""]
    for of_kind in models.values():
        whole += cells([accuracy[model] for model in of_kind])
    lines.append([*whole, ""])
    for name, strategies, operations, published in LIMITS:
        line = [name, f"{operations / 1e6:g}M"]
        for of_kind in models.values():
            line += cells([best(rows, model, strategies, operations) for model in of_kind])
        lines.append([*line, published])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: frontier_by_class.py FRONTIER.CSV ...")
    print(by_class(read(sys.argv[1:])), end="")
