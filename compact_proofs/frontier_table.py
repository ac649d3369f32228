"""The table of a frontier: a row for each proof of each model, beside the honest baseline.

The baseline is to check a fraction of the inputs one by one: its bound is that fraction of the
accuracy, and its operations that fraction of the operations of `brute-force`. A row is on the
Pareto frontier of its model if no other row has a bound as good and operations as few, and is
better in one of the two.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from io import StringIO
from pathlib import Path

from certificates.costs import asymptotic_class
from compact_proofs.frontier import BRUTE_FORCE, Point
from compact_proofs.shipped import shipped_models
from compact_proofs.terminal import shown
from model_export.output_files import write_whole

BASELINE = "fraction-of-inputs"
FRACTIONS = (Fraction(1, 1000), Fraction(1, 100), Fraction(1, 10), Fraction(1, 2))


@dataclass(frozen=True)
class Row:
    """One proof. Numbers are the kernel's, but for the seconds.

    `asymptotic_class` is how operations grow with the model (`certificates.costs`). `price` is what
    an operation had to buy, as a share of all inputs. `accuracy` is the share of inputs that the
    model gets right, `counted` by trying each, or `sampled`; None if not known. Rows of the
    baseline have no certificate and no times.
    """

    model: str
    strategy: str
    asymptotic_class: str
    price: str
    operations: int
    machine_operations: int | None
    correct_at_least: int
    total: int
    bound: float
    accuracy: float | None
    accuracy_is: str
    bound_over_accuracy: float | None
    certificate_bytes: int | None
    prove_seconds: float | None
    check_seconds: float | None
    pareto: bool


def pareto(points: Sequence[tuple[int, int]]) -> list[bool]:
    """Which of the points (operations, inputs proved correct) no other point is better than."""
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1]))
    result = [False] * len(points)
    best = (-1, -1)
    for i in order:
        operations, correct = points[i]
        if correct > best[1]:
            best = (operations, correct)
        result[i] = (operations, correct) == best
    return result


def table(points: Iterable[Point]) -> list[Row]:
    """The rows of all models, by operations, the baseline among them."""
    by_model: dict[str, list[Point]] = {}
    for point in points:
        by_model.setdefault(point.model, []).append(point)
    return [row for model in sorted(by_model, key=_by_size) for row in _rows(by_model[model])]


def _by_size(model: str) -> list[tuple[int, str]]:
    """Names with numbers in them are sorted by the numbers."""
    return [(int(part) if part.isdigit() else -1, part) for part in model.split("-")]


def _rows(points: Sequence[Point]) -> list[Row]:
    brute_force = next((p for p in points if p.setting.strategy == BRUTE_FORCE), None)
    accuracy, accuracy_is = _accuracy(points[0], brute_force)
    rows = [_row(point, accuracy, accuracy_is) for point in points]
    if brute_force:
        rows += [_baseline(brute_force, fraction) for fraction in FRACTIONS]
    # Of equal proofs at several prices, the one at the highest.
    rows = list({(row.strategy, row.operations, row.correct_at_least): row for row in rows[::-1]}.values())
    marks = pareto([(row.operations, row.correct_at_least) for row in rows])
    marked = [Row(**{**asdict(row), "pareto": mark}) for row, mark in zip(rows, marks, strict=True)]
    return sorted(marked, key=lambda row: (row.operations, row.correct_at_least, row.strategy))


def _accuracy(point: Point, brute_force: Point | None) -> tuple[float | None, str]:
    if brute_force:
        verdict = brute_force.verdict
        return verdict.correct_at_least / verdict.total, "counted"
    manifest = next(iter(shipped_models().values())).with_name("manifest.json")
    for entry in json.loads(manifest.read_text(encoding="ascii")).values():
        if entry["model_sha256"] == point.verdict.model_sha256:
            return float(entry["sampled_accuracy"]), "sampled"
    return None, ""


def _row(point: Point, accuracy: float | None, accuracy_is: str) -> Row:
    verdict, setting = point.verdict, point.setting
    bound = verdict.correct_at_least / verdict.total
    return Row(
        model=point.model,
        strategy=setting.strategy,
        asymptotic_class=asymptotic_class(setting.strategy),
        price="" if setting.price is None else f"2^-{setting.price}",
        operations=verdict.operations,
        machine_operations=verdict.machine_operations,
        correct_at_least=verdict.correct_at_least,
        total=verdict.total,
        bound=bound,
        accuracy=accuracy,
        accuracy_is=accuracy_is,
        bound_over_accuracy=bound / accuracy if accuracy else None,
        certificate_bytes=verdict.certificate_bytes,
        prove_seconds=round(point.prove_seconds, 3),
        check_seconds=round(point.check_seconds, 3),
        pareto=False,
    )


def _baseline(brute_force: Point, fraction: Fraction) -> Row:
    verdict = brute_force.verdict
    correct = int(fraction * verdict.correct_at_least)
    accuracy = verdict.correct_at_least / verdict.total
    bound = correct / verdict.total
    return Row(
        model=brute_force.model,
        strategy=BASELINE,
        asymptotic_class=asymptotic_class(BRUTE_FORCE),
        price="",
        operations=int(fraction * verdict.operations),
        machine_operations=None,
        correct_at_least=correct,
        total=verdict.total,
        bound=bound,
        accuracy=accuracy,
        accuracy_is="counted",
        bound_over_accuracy=bound / accuracy if accuracy else None,
        certificate_bytes=None,
        prove_seconds=None,
        check_seconds=None,
        pareto=False,
    )


def write_csv(rows: Iterable[Row], path: Path) -> None:
    """Write the rows to a CSV file, one column for each field of `Row`."""
    text = StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    # A name that is no text, as file names may be, keeps its bytes.
    write_whole(path, text.getvalue().encode("utf-8", "surrogateescape"))


PRINTED = (
    "model",
    "strategy",
    "price",
    "operations",
    "machine operations",
    "bound",
    "of accuracy",
    "bytes",
    "prove s",
    "check s",
    "Pareto",
)


# What is left out where there is little room, in this order.
OPTIONAL = ("machine operations", "bytes", "prove s", "check s", "of accuracy")


def printed(row: Row) -> list[str]:
    """The cells of a row, in the order of `PRINTED`; `~` marks a share of a sampled accuracy."""
    return [
        shown(row.model),
        row.strategy,
        row.price,
        f"{row.operations:,}",
        "" if row.machine_operations is None else f"{row.machine_operations:,}",
        f"{row.bound:.6f}",
        _share(row),
        "" if row.certificate_bytes is None else f"{row.certificate_bytes:,}",
        "" if row.prove_seconds is None else f"{row.prove_seconds:.2f}",
        "" if row.check_seconds is None else f"{row.check_seconds:.2f}",
        "*" if row.pareto else "",
    ]


def _share(row: Row) -> str:
    if row.bound_over_accuracy is None:
        return ""
    return f"{'~' if row.accuracy_is == 'sampled' else ''}{row.bound_over_accuracy:.6f}"
