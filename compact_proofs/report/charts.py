"""The pictures of a report as specifications in Vega-Lite, which a browser draws and `vl-convert` writes as files."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import numpy.typing as npt

from compact_proofs.frontier_plot import NINES, SOURCES, nines, published_points, untrained_points
from compact_proofs.report.collect import Subject
from compact_proofs.report.facts import Margins, Matrix, ModelFacts
from compact_proofs.report.proofs import OTHER, Proof, best
from compact_proofs.report.worst_inputs import WorstInputs
from compact_proofs.styles import OTHERS, Style, styles

# Rows and columns of a heat map at most; larger matrices are shown by blocks.
MAX_CELLS = 96
BINS = 40
HEIGHT = 280
# Ticks where inputs are counted on a scale that shows one of thousands.
COUNTS = [0, 1, 10, 100, 1_000, 10_000]
# Matplotlib's markers as shapes of Vega.
SHAPES = {
    "o": "circle",
    "s": "square",
    "^": "triangle-up",
    "v": "triangle-down",
    "<": "triangle-left",
    ">": "triangle-right",
    "D": "diamond",
    "p": "cross",
    "*": "M0,-1L0.3,-0.3L1,-0.3L0.4,0.15L0.65,0.9L0,0.45L-0.65,0.9L-0.4,0.15L-1,-0.3L-0.3,-0.3Z",
    "h": "M0,-1L0.87,-0.5L0.87,0.5L0,1L-0.87,0.5L-0.87,-0.5Z",
    "P": "M-0.35,-1H0.35V-0.35H1V0.35H0.35V1H-0.35V0.35H-1V-0.35H-0.35Z",
    "d": "M0,-1L0.6,0L0,1L-0.6,0Z",
    "8": "M-0.4,-1H0.4L1,-0.4V0.4L0.4,1H-0.4L-1,0.4V-0.4Z",
    "X": "M-0.9,-0.6L-0.6,-0.9L0,-0.3L0.6,-0.9L0.9,-0.6L0.3,0L0.9,0.6L0.6,0.9L0,0.3L-0.6,0.9L-0.9,0.6L-0.3,0Z",
}


@dataclass(frozen=True)
class Figure:
    """A picture: a name for its file, what it shows in words, and its specification."""

    name: str
    title: str
    caption: str
    specification: dict[str, Any]


def short(number: float) -> float | None:
    """A number to four digits, which is what a picture shows; None where there is none."""
    return float(f"{number:.4g}") if np.isfinite(number) else None


def _figure(name: str, title: str, caption: str, chart: Any) -> Figure:
    return Figure(name, title, caption, chart.properties(width="container", height=HEIGHT).to_dict())


def model_figures(subject: Subject) -> list[Figure]:
    """The pictures of one model."""
    facts, found = subject.facts, list[Figure]()
    if facts.worst is not None:
        found.append(_worst(facts.worst, facts.sizes["vocabulary"]))
    if len(facts.margins.values):
        found.append(_margins(facts.margins))
    if facts.is_program and len(facts.margins.values):
        found.append(_by_label(facts.margins))
    strongest = best(subject.proofs)
    if strongest is not None and strongest.lost:
        found += [_lost(strongest, facts), *_winners(strongest)]
    if not facts.is_program:
        found += map(_heat_map, facts.matrices)
    if facts.matrices:
        found.append(_singular_values(facts))
    return found


# Matrices


def blocks(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], tuple[int, int]]:
    """The means over blocks of a matrix, so that no more than `MAX_CELLS` rows and columns are left, and the rows and
    columns of a block; those at the end may be smaller."""
    rows, columns = (-(-size // MAX_CELLS) for size in values.shape)
    sums, counts = values, np.ones(values.shape)
    for axis, step in enumerate((rows, columns)):
        starts = np.arange(0, values.shape[axis], step)
        sums, counts = (np.add.reduceat(array, starts, axis=axis) for array in (sums, counts))
    return sums / counts, (rows, columns)


def _cells(
    values: Sequence[Any],
    shape: tuple[int, int],
    steps: tuple[int, int],
    names: tuple[str, str],
    **more: Sequence[Any],
) -> Any:
    """A rectangle for each of `values`, row by row; `more` are further values for what is shown on hover."""
    (rows, columns), (row, column) = shape, names
    lists = {"values": values, **more}
    parameters = [alt.param(name=f"list_{name}", value=list(chosen)) for name, chosen in lists.items()]
    chart = alt.Chart(alt.sequence(0, rows * columns, 1, as_="i")).mark_rect(clip=True)
    chart = chart.transform_calculate(
        row=f"floor(datum.i / {columns}) * {steps[0]}",
        column=f"(datum.i % {columns}) * {steps[1]}",
        # A little more than a cell, so that no seams are seen between them.
        row_end=f"datum.row + {1.1 * steps[0]}",
        column_end=f"datum.column + {1.1 * steps[1]}",
        **{name: f"list_{name}[datum.i]" for name in lists},
    ).transform_filter("isValid(datum.values)")
    ends = (rows * steps[0], columns * steps[1])
    return (
        chart.encode(
            x=alt.X("column:Q", title=column, scale=alt.Scale(domain=[0, ends[1]], nice=False), axis=_ticks(ends[1])),
            x2="column_end:Q",
            y=alt.Y(
                "row:Q", title=row, scale=alt.Scale(domain=[0, ends[0]], nice=False, reverse=True), axis=_ticks(ends[0])
            ),
            y2="row_end:Q",
        ).add_params(*parameters),
        [alt.Tooltip("row:Q", title=row), alt.Tooltip("column:Q", title=column)],
    )


def _ticks(end: int) -> alt.Axis:
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if end // step <= 9)
    return alt.Axis(values=list(range(0, end, step)), grid=False, format="d")


def _diverging(values: Sequence[float | None], title: str | None = None, reverse: bool = False) -> alt.Color:
    """Colours from blue to orange, or in reverse, pale at 0."""
    most = max((abs(value) for value in values if value), default=1.0)
    scale = alt.Scale(scheme="blueorange", domain=[-most, 0, most], reverse=reverse)
    return alt.Color("values:Q", title=title, scale=scale, legend=alt.Legend(gradientLength=200))


def _heat_map(matrix: Matrix) -> Figure:
    means, steps = blocks(matrix.values)
    values = [short(mean) for mean in means.ravel().tolist()]
    chart, tooltip = _cells(values, (means.shape[0], means.shape[1]), steps, (matrix.rows, matrix.columns))
    caption = f"{matrix.name} [{matrix.rows}, {matrix.columns}]: {matrix.meaning}."
    if max(steps) > 1:
        caption += f" Each cell is the mean of {steps[0]} x {steps[1]} entries."
    chart = chart.encode(color=_diverging(values), tooltip=[*tooltip, alt.Tooltip("values:Q", title=matrix.name)])
    return _figure(matrix.name, matrix.name, caption, chart)


def _singular_values(facts: ModelFacts) -> Figure:
    rows = [
        {"matrix": matrix.name, "number": number, "value": short(value)}
        for matrix in facts.matrices
        for number, value in enumerate(matrix.singular_values[: matrix.rank].tolist(), 1)
    ]
    names = [matrix.name for matrix in facts.matrices]
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(point=alt.OverlayMarkDef(size=18), strokeWidth=1.5)
        .encode(
            x=alt.X("number:Q", title="number", axis=alt.Axis(format="d", tickMinStep=1)),
            y=alt.Y("value:Q", title="singular value", scale=alt.Scale(type="log")),
            color=alt.Color("matrix:N", title=None, sort=names),
            tooltip=[alt.Tooltip("matrix:N"), alt.Tooltip("number:Q"), alt.Tooltip("value:Q")],
        )
    )
    return _figure("singular-values", "Singular values", "Singular values of each matrix, the largest first.", chart)


# Margins


def _worst(worst: WorstInputs, vocabulary: int) -> Figure:
    some = sorted(set(worst.queries.tolist()))
    place = {token: number for number, token in enumerate(some)}
    size = len(some)
    values: list[float | None] = [None] * size**2
    inputs = [""] * size**2
    each = zip(worst.queries, worst.labels, worst.margins, worst.inputs, strict=True)
    for query, label, margin, tokens in each:
        cell = place[int(query)] * size + place[int(label)]
        values[cell], inputs[cell] = short(margin), ",".join(map(str, tokens.tolist()))
    chart, tooltip = _cells(values, (size, size), (worst.step, worst.step), ("query", "label"), inputs=inputs)
    chart = chart.encode(
        color=_diverging(values, "margin", reverse=True),  # what is wrong has one colour in all pictures
        tooltip=[*tooltip, alt.Tooltip("values:Q", title="margin"), alt.Tooltip("inputs:N", title="input")],
    )
    caption = (
        "Margin, in logits, of the worst input of each query (last token) and label (largest token): the one whose "
        "margin times the softmax's denominator is least. Where it is 0 or less, and only there, an input is wrong "
        "(in floating point)."
    )
    if worst.step > 1:
        caption += f" Of the queries and labels, every {worst.step}th was looked at."
    return _figure("worst-margins", "Worst margins", caption, chart)


def _histogram(values: npt.NDArray[np.float64]) -> list[dict[str, Any]]:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return []
    low, high = min(0.0, finite.min()), max(0.0, finite.max())
    # 0 is an end of a bar, so that no bar has right and wrong inputs.
    step = max(high - low, 1e-9) / BINS
    edges = step * np.arange(np.floor(low / step), np.ceil(high / step) + 1)
    counts, _ = np.histogram(finite, edges)
    return [
        {"from": short(a), "to": short(b), "inputs": int(count), "right": "right" if a >= 0 else "wrong"}
        for a, b, count in zip(edges, edges[1:], counts, strict=False)
        if count
    ]


def _margins(margins: Margins) -> Figure:
    chart = (
        alt.Chart(alt.InlineData(values=_histogram(margins.values)))
        .mark_bar()
        .encode(
            x=alt.X("from:Q", title="margin"),
            x2="to:Q",
            # A scale on which one input of thousands is seen.
            y=alt.Y("inputs:Q", title="inputs", scale=alt.Scale(type="symlog"), axis=alt.Axis(values=COUNTS)),
            y2=alt.Y2Datum(0),
            color=_right_or_wrong(),
            tooltip=[alt.Tooltip("from:Q"), alt.Tooltip("to:Q"), alt.Tooltip("inputs:Q")],
        )
    )
    which = "all" if margins.every_input else "random"
    caption = f"Margins, in logits, of {which} {len(margins.values):,} inputs; {margins.right:,} are above 0."
    return _figure("margins", "Margins", caption, chart)


def _right_or_wrong() -> alt.Color:
    return alt.Color(
        "right:N", title=None, scale=alt.Scale(domain=["right", "wrong"], range=["#4C78A8", "#D55E00"]), sort=["right"]
    )


def _by_label(margins: Margins) -> Figure:
    rows = []
    for label in sorted(set(margins.labels.tolist())):
        values = margins.values[margins.labels == label]
        rows.append(
            {
                "label": label,
                "least": short(values.min()),
                "median": short(float(np.median(values))),
                "inputs": len(values),
                "wrong": int(np.count_nonzero(values <= 0)),
                "right": "wrong" if values.min() <= 0 else "right",
            }
        )
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=alt.X("label:Q", axis=alt.Axis(format="d", tickMinStep=1)))
    shown = [alt.Tooltip(f"{name}:Q") for name in ("label", "least", "median", "inputs", "wrong")]
    chart = base.mark_rule(strokeWidth=2).encode(
        y=alt.Y("least:Q", title="margin: least to median"), y2="median:Q", color=_right_or_wrong(), tooltip=shown
    ) + base.mark_point(filled=True, size=30).encode(y="least:Q", color=_right_or_wrong(), tooltip=shown)
    return _figure("margins-by-label", "Margins by label", "From the least margin of each label to the median.", chart)


# What is lost


def _lost(proof: Proof, facts: ModelFacts) -> Figure:
    labels = Counter[int]()
    for one in proof.lost:
        labels[one.label] += one.lost
    total = proof.verdict.total
    rows = [{"label": label, "lost": count, "share": short(count / total)} for label, count in labels.items()]
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(color="#D55E00")
        .transform_calculate(end="datum.label + 1")
        .encode(
            x=alt.X("label:Q", title="label", scale=alt.Scale(domain=[0, facts.sizes["vocabulary"]], nice=False)),
            x2="end:Q",
            y2=alt.Y2Datum(0),
            y=alt.Y("lost:Q", title="inputs left out", axis=alt.Axis(tickCount=5)),
            tooltip=[alt.Tooltip("label:Q"), alt.Tooltip("lost:Q"), alt.Tooltip("share:Q", title="of all inputs")],
        )
    )
    lost = sum(labels.values())
    caption = f"Inputs that the certificate {proof.name} leaves out, by label: {lost:,} of {total:,}."
    return _figure("left-out", "Where the count is lost", caption, chart)


def _winners(proof: Proof) -> list[Figure]:
    counts = Counter(output for one in proof.lost for output in one.outputs)
    if not counts:
        return []
    rows = [{"output": output, "groups": count} for output, count in counts.items()]
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(color="#CC79A7")
        .transform_calculate(end="datum.output + 1")
        .encode(
            x=alt.X("output:Q", title="output", scale=alt.Scale(nice=False)),
            x2="end:Q",
            y2=alt.Y2Datum(0),
            y=alt.Y("groups:Q", axis=alt.Axis(tickCount=5, format="d", tickMinStep=1)),
            tooltip=[alt.Tooltip("output:Q"), alt.Tooltip("groups:Q")],
        )
    )
    caption = (
        "Outputs whose logit is at least the label's for some input, in floating point, by how many of the groups "
        "that leave inputs out."
    )
    return [_figure("winning-outputs", "Outputs that win", caption, chart)]


# The frontier


def frontier_figures(subjects: Sequence[Subject]) -> list[Figure]:
    """A picture of bound against operations for each number of inputs, where there is something to compare."""
    proved = [s for s in subjects if any(proof.bound > 0 for proof in s.proofs)]
    drawn, names = strategy_styles(subjects), legend_names(subjects)
    groups: dict[int, list[Subject]] = {}
    for subject in proved:
        groups.setdefault(best_of(subject).verdict.total, []).append(subject)
    for total, own in list(groups.items()):
        if sum(proof.bound > 0 for subject in own for proof in subject.proofs) == 1 and not published_points(total):
            del groups[total]
    found = []
    for total, own in groups.items():
        name = "frontier" if len(groups) == 1 else f"frontier-{own[0].facts.name}"
        title = own[0].facts.name if len(own) == 1 else f"{len(own)} models"
        found.append(_frontier(name, f"Bound against operations: {title}", own, total, drawn, names))
    return found


def strategy_styles(subjects: Sequence[Subject]) -> dict[str, Style]:
    """Colour and marker of each strategy in a report."""
    proofs = sorted((proof for subject in subjects for proof in subject.proofs), key=lambda p: p.verdict.operations)
    names = legend_names(subjects)
    return styles(names[proof.sha256] for proof in proofs)


def legend_names(subjects: Sequence[Subject]) -> dict[str, str]:
    """What each certificate, by its hash, is called in legends: its strategy, or else its file where these are few."""
    proofs = [proof for subject in subjects for proof in subject.proofs]
    few = len({proof.name for proof in proofs if proof.strategy == OTHER}) <= len(OTHERS)
    files = {proof.sha256: proof.name.rpartition("/")[2] for proof in proofs if proof.strategy == OTHER and few}
    return {proof.sha256: files.get(proof.sha256, proof.strategy) for proof in proofs}


def best_of(subject: Subject) -> Proof:
    """The strongest accepted proof of a model that has one."""
    found = best(subject.proofs)
    if found is None:
        raise ValueError(f"no certificate of {subject.facts.name} is accepted")
    return found


def _at(operations: int, bound: float, total: int, **more: Any) -> dict[str, Any]:
    shown = min(bound, 1 - 0.5 / total)
    return {"operations": operations, "bound": bound, "nines": float(nines(np.array(shown))), **more}


def _frontier(
    name: str,
    title: str,
    subjects: Sequence[Subject],
    total: int,
    of_strategy: dict[str, Style],
    names: dict[str, str],
) -> Figure:
    points = [
        _at(
            proof.verdict.operations,
            proof.bound,
            total,
            strategy=names[proof.sha256],
            model=subject.facts.name,
            correct=str(proof.verdict.correct_at_least),
        )
        for subject in subjects
        for proof in subject.proofs
        if proof.bound > 0
    ]
    published = [
        _at(int(p["operations"]), float(p["bound"]), total, strategy=p["strategy"], source=p["source"])
        for p in published_points(total)
    ]
    accuracy = float(np.mean([best_of(subject).bound for subject in subjects]))
    untrained = list(_mean_of_untrained(total, accuracy))
    most = max(p["nines"] for p in [*points, *published])
    ticks = [tick for tick in (*NINES, 0.99999, 0.999999) if nines(np.array(tick)) <= most * 1.05]
    axis = alt.Axis(
        values=[float(nines(np.array(tick))) for tick in ticks],
        labelExpr="format(1 - pow(10, -datum.value), '.6~f')",
    )
    logarithmic = alt.Scale(type="log", nice=False, padding=20)
    x = alt.X("operations:Q", scale=logarithmic, axis=alt.Axis(format="~s", tickCount=6))
    y = alt.Y("nines:Q", title="bound: share of inputs proved correct", axis=axis)
    strategies = list(dict.fromkeys(p["strategy"] for p in sorted(points, key=lambda p: p["operations"])))
    drawn = [of_strategy[strategy] for strategy in strategies]
    layers = [_steps(points, x, y)]
    if untrained:
        layers.append(
            alt.Chart(alt.InlineData(values=untrained))
            .mark_line(interpolate="step-after", strokeDash=[2, 3], color="black")
            .encode(x=x, y=y)
        )
    shown = [alt.Tooltip("bound:Q", format=".6~f"), alt.Tooltip("operations:Q", format=",")]
    layers.append(
        alt.Chart(alt.InlineData(values=points))
        .mark_point(filled=True, size=70, opacity=0.9)
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                "strategy:N", title=None, scale=alt.Scale(domain=strategies, range=[colour for colour, _ in drawn])
            ),
            shape=alt.Shape(
                "strategy:N", title=None, scale=alt.Scale(domain=strategies, range=[SHAPES[mark] for _, mark in drawn])
            ),
            tooltip=[alt.Tooltip("model:N"), alt.Tooltip("strategy:N"), alt.Tooltip("correct:N"), *shown],
        )
    )
    if published:
        layers.append(
            alt.Chart(alt.InlineData(values=published))
            .mark_text(text=next(iter(SOURCES.values()))[0], size=20, color="black")
            .encode(x=x, y=y, tooltip=[alt.Tooltip("source:N"), alt.Tooltip("strategy:N"), *shown])
        )
    caption = "Each marker is a certificate that the checker accepted; a line is the best bound of a model."
    if untrained:
        caption += " Dotted: what the same rules prove of untrained weights, as a share of their accuracy."
    if published:
        caption += f" {next(iter(SOURCES.values()))[0]}: published bounds, of other models (arXiv 2406.11779)."
    return _figure(name, title, caption, alt.layer(*layers))


def _mean_of_untrained(total: int, accuracy: float) -> Iterable[dict[str, Any]]:
    models = [sorted(points) for points in untrained_points(total).values()]
    for operations in sorted({count for points in models for count, _ in points}):
        shares = [max((share for count, share in points if count <= operations), default=0.0) for points in models]
        yield _at(operations, accuracy * float(np.mean(shares)), total)


def _steps(points: Sequence[dict[str, Any]], x: alt.X, y: alt.Y) -> Any:
    """The best bound of each model so far, which rises with the operations."""
    key: Callable[[dict[str, Any]], tuple[int, float]] = lambda point: (point["operations"], -point["bound"])  # noqa: E731
    best_so_far, kept = dict[str, float](), []
    for point in sorted(points, key=key):
        if point["bound"] > best_so_far.get(point["model"], 0.0):
            best_so_far[point["model"]] = point["bound"]
            kept.append(point)
    chart = alt.Chart(alt.InlineData(values=kept)).mark_line(interpolate="step-after", color="black", opacity=0.35)
    return chart.encode(x=x, y=y, detail="model:N")
