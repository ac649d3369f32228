"""The picture of a frontier: bound against operations, as SVG and PNG.

On the left all of the way to trying every input, on the right the short proofs. Where there are several models, markers
show each; the line is the best bound of any of them, so that no point is above it, and the band reaches down to
the worst model.
"""

import csv
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter

from compact_proofs.frontier import BRUTE_FORCE
from compact_proofs.frontier_table import BASELINE, Row
from compact_proofs.styles import LONG_PROOFS, Style, styles
from model_export.output_files import write_whole

PUBLISHED = Path(__file__).with_name("published_points.csv")
# What the same rules prove of models that have not been trained (`benchmarks/untrained_points.py`).
UNTRAINED = Path(__file__).with_name("untrained_points.csv")
# Multiples of powers of ten that a scale may show, and how much of it lies between two of them at the least.
TICKS, TICK_ROOM = (1.0, 1.1, 1.2, 1.5, 2.0, 3.0, 5.0), 0.08
NINES = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.998, 0.999, 0.9995, 0.9999)
# A published bound has the colour of its class.
SOURCES = {
    "arXiv": ("+", "published (arXiv 2406.11779)"),
    "code": ("x", "published code, other models"),
}


def published_points(inputs: int) -> list[dict[str, str]]:
    """The published bounds with known operations, for models of so many inputs."""
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        return [point for point in csv.DictReader(file) if point["operations"] and int(point["inputs"]) == inputs]


def untrained_points(inputs: int) -> dict[str, list[tuple[int, float]]]:
    """For each untrained model of so many inputs, operations and the share of its accuracy that they prove."""
    points: dict[str, list[tuple[int, float]]] = {}
    with UNTRAINED.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if int(row["total"]) == inputs:
                points.setdefault(row["model"], []).append((int(row["operations"]), float(row["bound_over_accuracy"])))
    return points


def draw(rows: Sequence[Row], output: Path) -> list[Path]:
    """Write `frontier.svg` and `frontier.png` to the directory `output`; returns their paths.

    If not all models have the same number of inputs, there is a picture for each number, which is
    named after its first model.
    """
    sizes = list(dict.fromkeys(row.total for row in rows))
    paths = []
    for total in sizes:
        own = [row for row in rows if row.total == total]
        name = "frontier" if len(sizes) == 1 else f"frontier-{own[0].model}"
        figure = picture(own)
        for suffix, options in (("svg", {"metadata": {"Date": None}}), ("png", {"dpi": 150})):
            paths.append(output / f"{name}.{suffix}")
            # The salt makes the SVG reproducible: the same names for the same parts.
            with rc_context({"svg.hashsalt": name}):
                data = BytesIO()
                figure.savefig(data, format=suffix, **options)
            write_whole(paths[-1], data.getvalue())
    return paths


def picture(rows: Sequence[Row]) -> Figure:
    """The picture of models with the same number of inputs."""
    with rc_context({"font.size": 9, "axes.grid": True, "grid.alpha": 0.25}):
        figure = Figure(figsize=(11, 6.4), layout="constrained")
        whole, close = figure.subplots(1, 2, width_ratios=(5, 6))
        for axes in (whole, close):
            axes.set_xscale("log")
            _classes(axes, rows)
            _best(axes, rows)
            _baseline(axes, rows)
            _untrained(axes, rows)
            _published(axes, rows)
            axes.set_xlabel("operations of the proof")
        _frame_whole(whole, rows)
        _frame_close(close, rows)
        close.set_ylabel("")
        figure.suptitle(f"{_named(_models(rows))}: bound against length of proof")
        figure.legend(handles=_legend(rows), loc="outside lower center", ncols=4, frameon=False)
    return figure


def _proofs(rows: Sequence[Row]) -> list[Row]:
    """The rows of proofs that prove something."""
    return [row for row in rows if row.strategy != BASELINE and row.correct_at_least]


def _strategies(rows: Sequence[Row]) -> dict[str, Style]:
    """Colour and marker of each strategy that proves something, by the length of its proofs."""
    names: dict[str, int] = {}
    for row in _proofs(rows):
        names[row.strategy] = min(names.get(row.strategy, row.operations), row.operations)
    ordered = sorted(names, key=lambda name: names[name])
    return styles(ordered)


def _classes(axes: Axes, rows: Sequence[Row]) -> None:
    for name, (colour, marker) in _strategies(rows).items():
        own = [row for row in rows if row.strategy == name]
        axes.plot(
            [row.operations for row in own],
            [row.bound for row in own],
            linestyle="",
            marker=marker,
            markersize=4.5,
            color=colour,
            markerfacecolor="white" if name in LONG_PROOFS else colour,
            markeredgewidth=0.8 if name in LONG_PROOFS else 0.0,
            alpha=0.75,
            zorder=4 if name in LONG_PROOFS else 3,
        )


def _best(axes: Axes, rows: Sequence[Row]) -> None:
    """The best bound for each number of operations: that of the best model, and a band down to the worst."""
    proofs = _proofs(rows)
    operations = np.array(sorted({row.operations for row in proofs}))
    operations = np.append(operations, 3 * max(row.operations for row in rows))
    steps = [[(row.operations, row.bound) for row in proofs if row.model == model] for model in _models(rows)]
    best = np.array([_reached(points, operations) for points in steps])
    low, high = best.min(axis=0), best.max(axis=0)
    axes.fill_between(operations, low, high, step="post", color="black", alpha=0.12, lw=0)
    axes.step(operations, high, where="post", color="black", lw=1.3, zorder=2)


def _models(rows: Sequence[Row]) -> list[str]:
    return sorted({row.model for row in rows})


def _named(models: Sequence[str]) -> str:
    """Models in a title: the only one, or how many there are, from the first to the last."""
    return models[0] if len(models) == 1 else f"{len(models)} models, {models[0]} to {models[-1]}"


def _reached(points: Sequence[tuple[int, float]], operations: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The largest second number of the `points` whose first one is at most so many operations, or 0."""
    steps = sorted(points)
    best = np.maximum.accumulate([0.0, *(value for _, value in steps)])
    return best[np.searchsorted([step[0] for step in steps], operations, side="right")]


def _untrained(axes: Axes, rows: Sequence[Row]) -> None:
    """What the same rules prove of untrained models, whose accuracy is set to that of the models shown."""
    models = list(untrained_points(rows[0].total).values())
    accuracies = [row.accuracy for row in rows if row.accuracy]
    if models and accuracies:
        operations = np.array(sorted({count for points in models for count, _ in points}))
        share = np.mean([_reached(points, operations) for points in models], axis=0)
        axes.step(operations, share * np.mean(accuracies), where="post", color="black", lw=1.2, linestyle=":")


def _baseline(axes: Axes, rows: Sequence[Row]) -> None:
    whole = [row for row in rows if row.strategy == BRUTE_FORCE]
    if whole:
        fractions = np.geomspace(1e-6, 1, 400)
        operations = np.mean([row.operations for row in whole]) * fractions
        accuracy = np.mean([row.bound for row in whole])
        axes.plot(operations, accuracy * fractions, color="black", lw=1.2, linestyle=(0, (4, 2)))


def _published(axes: Axes, rows: Sequence[Row]) -> None:
    styles = _strategies(rows)
    for point in published_points(rows[0].total):
        axes.plot(
            int(point["operations"]),
            float(point["bound"]),
            marker=next(SOURCES[word][0] for word in SOURCES if word in point["source"]),
            markersize=7,
            markeredgewidth=1.7,
            color=styles.get(point["class"], ("black", ""))[0],
            zorder=6,
        )


def _frame_whole(axes: Axes, rows: Sequence[Row]) -> None:
    """All proofs, on a scale that gives much room to the short ones: equal steps are equal powers of what they are
    longer than one a little shorter than all."""
    operations = [row.operations for row in _proofs(rows)]
    start, end = 0.97 * min(operations), 2 * max(operations)

    def shown(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(np.log10(np.log10(np.maximum(x / start, 1 + 1e-6))))

    def operations_at(y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(start * 10.0 ** 10.0 ** np.minimum(y, 2.0))

    axes.set_xscale("function", functions=(shown, operations_at))
    axes.set_xlim(min(operations) / 1.015, end)
    axes.set_xticks(_spread([m * 10.0**k for k in range(12) for m in TICKS], shown, *axes.get_xlim()))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    _nines_axis(axes, rows)
    axes.set_xlabel("operations of the proof (logarithm of the logarithm)")
    axes.set_title("All proofs", loc="left")


def _spread(
    ticks: Sequence[float],
    shown: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
    start: float,
    end: float,
) -> list[float]:
    """Those of the ticks between `start` and `end` that leave room for each other where they are shown."""
    chosen: list[float] = []
    first, last = shown(np.array([start, end]))
    for tick in ticks:
        place, before = (shown(np.array([x]))[0] for x in (tick, chosen[-1] if chosen else start))
        if start < tick < end and (not chosen or place - before > TICK_ROOM * (last - first)):
            chosen.append(tick)
    return chosen


def _frame_close(axes: Axes, rows: Sequence[Row]) -> None:
    """Short proofs only."""
    operations = [row.operations for row in _proofs(rows) if row.strategy != BRUTE_FORCE]
    axes.set_xlim(min(operations) / 1.05, max(operations) * 2.1)
    for axis in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        axis(EngFormatter(sep=""))
    _nines_axis(axes, rows)
    axes.set_title("Short proofs", loc="left")


def _nines_axis(axes: Axes, rows: Sequence[Row]) -> None:
    """0.9, 0.99 and 0.999 equally far apart, so that good bounds can be told apart."""
    best = max([row.bound for row in rows if row.bound < 1], default=0.9)
    axes.set_yscale("function", functions=(nines, lambda shown: 1 - 10.0**-shown))
    axes.set_ylim(0, 1 - (1 - best) / 1.6)
    axes.set_yticks([tick for tick in NINES if tick <= best])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylabel("bound: share of inputs proved correct (logarithmic scale of the rest)")


def nines(bound: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The scale of bounds: 1 for 0.9, 2 for 0.99, 3 for 0.999."""
    return np.asarray(-np.log10(np.maximum(1 - bound, 1e-12)))


def _legend(rows: Sequence[Row]) -> list[Line2D]:
    handles = []
    for name, (colour, marker) in _strategies(rows).items():
        face = "white" if name in LONG_PROOFS else colour
        handles.append(Line2D([], [], color=colour, marker=marker, ls="", markerfacecolor=face, label=name))
    models = len(_models(rows))
    label = "best bound" if models == 1 else f"best bound of {models} models, band to the worst"
    handles.append(Line2D([], [], color="black", lw=1.3, label=label))
    handles.append(Line2D([], [], color="black", ls=(0, (4, 2)), label="trying a fraction of the inputs"))
    if untrained_points(rows[0].total):
        handles.append(Line2D([], [], color="black", ls=":", label="untrained weights, as a share of their accuracy"))
    if published_points(rows[0].total):
        handles += [
            Line2D([], [], color="black", marker=marker, ls="", mew=1.6, label=label)
            for marker, label in SOURCES.values()
        ]
    return handles
