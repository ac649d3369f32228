"""Print the best bound of each class of proofs within a number of operations, as a Markdown table.

    .venv/bin/python benchmarks/frontier_by_class.py docs/pictures/frontier.csv

reads tables that `compact-proofs frontier` has written. The published figure of a class is the best
one for max-of-4 in compact_proofs/published_points.csv, which has the source of each.
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
PUBLISHED = Path(__file__).parents[1] / "compact_proofs" / "published_points.csv"
MAX_OF_4 = 64**4
# Where a published figure is a mean over models rather than the bound of one.
EVERY_SEED = "trained by the paper's recipe"
# Class, its strategies, operations at most, the class of published proofs that they are compared with.
LIMITS = (
    ("exact", EXACT, 35_000_000, "cubic"),
    ("near exact", EXACT_TABLES, 10_000_000, "cubic"),
    ("exact tables", EXACT_TABLES, 2_500_000, "sub-cubic"),
    ("exact tables", EXACT_TABLES, 1_500_000, "sub-cubic"),
    ("low-rank QK", ("low-rank-QK",), 2_400_000, "low-rank-QK"),
    ("low-rank QK", ("low-rank-QK",), 1_300_000, "low-rank-QK"),
    ("low-rank EU", ("low-rank-EU",), 2_400_000, "low-rank-EU"),
    ("low-rank QK and EU", ("low-rank-QK-EU",), 2_400_000, "low-rank-QK-EU"),
    ("all three low-rank", ("low-rank",), 2_400_000, "low-rank"),
    ("quadratic QK", ("quadratic-QK",), 2_300_000, "quadratic-QK"),
    ("quadratic QK, low-rank EU", ("quadratic-QK-low-rank-EU",), 2_100_000, "quadratic-QK-low-rank-EU"),
)


def best_published(published_class: str) -> str:
    """The best published bound of one model by proofs of a class, with its operations where they are known."""
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        points = [
            point
            for point in csv.DictReader(file)
            if (point["class"], int(point["inputs"])) == (published_class, MAX_OF_4) and point["model"] != EVERY_SEED
        ]
    if not points:
        return "-"
    best_one = max(points, key=lambda point: float(point["bound"]))
    operations = f"{int(best_one['operations']) / 1e6:.3g}M, " if best_one["operations"] else ""
    return f"{float(best_one['bound']):.3f} ({operations}{best_one['strategy']}, {best_one['model']})"


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
    header.append("best published bound")
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
        lines.append([*line, best_published(published)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: frontier_by_class.py FRONTIER.CSV ...")
    print(by_class(read(sys.argv[1:])), end="")
