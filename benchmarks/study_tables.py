"""Print tables of a study from its CSV files, as in docs/study.md and README.md:

python benchmarks/study_tables.py docs/study [bounds|growth|noise|residuals|directions|fine-tuning|short]...
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

from certificates.strategies import CLASSES
from compact_proofs.study import table
from compact_proofs.study.fine_tuning import TuningRow
from compact_proofs.study.noise import DirectionRow, DrawRow, TableRow
from compact_proofs.study.pictures import BY_POSITIONS, BY_VOCABULARY
from compact_proofs.study.records import read_csv
from compact_proofs.study.run import ModelRow, ProofRow

Lines = list[list[str]]


def bounds(folder: Path) -> Lines:
    """All families and strategies."""
    rows = table.summary(read_csv(folder / "models.csv", ModelRow), read_csv(folder / "proofs.csv", ProofRow))
    return [list(table.SUMMARY), *map(table.printed, rows)]


def short(folder: Path) -> Lines:
    """One strategy for each family, beside the true or sampled accuracy and the paper."""
    models, proofs = read_csv(folder / "models.csv", ModelRow), read_csv(folder / "proofs.csv", ProofRow)
    lines = [
        [
            "models",
            "how many",
            "accuracy",
            "certified by `exact`",
            "least",
            "operations",
            "check s",
            "paper, best proof",
        ]
    ]
    for row in table.summary(models, proofs):
        if row.strategy == "exact" and row.family in (
            "max-of-4",
            "max-of-5",
            "max-of-10",
            "max-of-20",
            "max-of-10-of-128",
        ):
            own = [model for model in models if model.family == row.family]
            accuracy = table.spread([model.accuracy for model in own])
            paper = table.published_means(next(p.total for p in proofs if p.family == row.family))
            lines.append(
                [
                    row.family,
                    str(row.models),
                    f"{accuracy.mean:.5f} ± {accuracy.std:.5f} {own[0].accuracy_is}",
                    f"{row.bound_mean:.5f} ± {row.bound_std:.5f}",
                    f"{row.bound_least:.5f}",
                    f"{row.operations_mean:,.0f}",
                    f"{row.check_seconds_median:.2f}",
                    f"{paper['cubic']:g} (cubic)" if "cubic" in paper else "",
                ]
            )
    return lines


def growth(folder: Path) -> Lines:
    """How mean operations grow with the vocabulary and with the positions: measured exponents."""
    proofs = read_csv(folder / "proofs.csv", ProofRow)
    lines = [["strategy", "with v, at K = 4", "from v", "with K, at v = 64", "from K"]]
    for strategy in ("exact", *reversed(CLASSES), "cubic"):
        line = [strategy]
        for families in (BY_VOCABULARY, BY_POSITIONS):
            points = table.growth(proofs, families, strategy)
            enough = len(points) > 1
            line.append(f"{table.exponent(points):.2f}" if enough else "")
            line.append(", ".join(str(size) for size, _ in points))
        lines.append(line)
    return lines


def noise(folder: Path) -> Lines:
    """The bound of a trained model among those with random residuals."""
    return [list(table.DRAWS), *table.printed_draws(read_csv(folder / "noise.csv", DrawRow))]


def residuals(folder: Path) -> Lines:
    """Statistics of residuals among those of random ones."""
    return [list(table.STATISTICS), *table.printed_statistics(read_csv(folder / "noise_tables.csv", TableRow))]


def directions(folder: Path) -> Lines:
    """The bound by rank of the hint."""
    return [list(table.DIRECTIONS), *table.printed_directions(read_csv(folder / "directions.csv", DirectionRow))]


def fine_tuning(folder: Path) -> Lines:
    """Stages of fine-tuning."""
    return [list(table.TUNING), *table.printed_tuning(read_csv(folder / "fine_tuning.csv", TuningRow))]


TABLES: dict[str, Callable[[Path], Lines]] = {
    "short": short,
    "bounds": bounds,
    "growth": growth,
    "noise": noise,
    "residuals": residuals,
    "directions": directions,
    "fine-tuning": fine_tuning,
}


def checked(folder: Path) -> str:
    """What all checks of `exact` on max-of-4 took, and how many the verified checker agreed with."""
    proofs = read_csv(folder / "proofs.csv", ProofRow)
    models = {(row.family, row.seed): row for row in read_csv(folder / "models.csv", ModelRow)}
    own = [row for row in proofs if (row.family, row.strategy) == ("max-of-4", "exact")]
    agreed = sum(row.verified == row.correct_at_least for row in own)
    true = sum(row.correct_at_least == round(models[row.family, row.seed].accuracy * row.total) for row in own)
    return (
        f"`exact` on {len(own)} models of max-of-4: {true} bounds are the count of all inputs, {agreed} have the same "
        f"verdict by the verified checker; all checks took {sum(row.check_seconds for row in own):.1f} s of a core, "
        f"mean bound {fmean(row.correct_at_least / row.total for row in own):.6f}"
    )


def markdown(lines: Lines) -> str:
    """A table, the first line of which is its head."""
    head, *rows = lines
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows))


def main(arguments: Sequence[str]) -> None:
    """Print the tables named after the folder, or all."""
    folder, *names = arguments
    for name in names or TABLES:
        print(markdown(TABLES[name](Path(folder))), end="\n\n")
    if not names or "bounds" in names:
        print(checked(Path(folder)))


if __name__ == "__main__":
    if len(sys.argv) < 2 or not set(sys.argv[2:]) <= set(TABLES):
        sys.exit(f"usage: study_tables.py FOLDER [{'|'.join(TABLES)}]...")
    main(sys.argv[1:])
