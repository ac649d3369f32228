"""The pictures of a study, as PNG: each strategy has the colour and marker that it has in the frontier's."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter

from certificates.strategies import CLASSES
from compact_proofs.frontier_plot import nines
from compact_proofs.study.fine_tuning import COMPRESSED, FINE_TUNED, TRAINED, TuningRow
from compact_proofs.study.noise import DirectionRow, DrawRow
from compact_proofs.study.plan import FAMILIES
from compact_proofs.study.run import ModelRow, ProofRow
from compact_proofs.study.table import BUDGET, exponent, growth
from compact_proofs.styles import CIRCUITS, STAGES, styles
from model_export.output_files import write_whole

TICKS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.998, 0.999, 0.9998, 0.9999)
# What grows, and the families in which nothing else differs.
BY_VOCABULARY = (("max-of-4-of-16", 16), ("max-of-4-of-32", 32), ("max-of-4", 64), ("max-of-4-of-128", 128))
BY_POSITIONS = (("max-of-4", 4), ("max-of-5", 5), ("max-of-10", 10), ("max-of-20", 20))
STAGE_STYLES = dict(zip((TRAINED, FINE_TUNED, COMPRESSED), STAGES, strict=True))


def style(strategy: str) -> tuple[str, str]:
    """Colour and marker of a strategy."""
    return styles([strategy])[strategy]


def save(figure: Figure, path: Path) -> Path:
    """Write a picture, in a folder that is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = BytesIO()
    figure.savefig(data, format="png", dpi=120)
    write_whole(path, data.getvalue())
    return path


def _figure(columns: int = 1) -> tuple[Figure, Sequence[Axes]]:
    with rc_context({"font.size": 9, "axes.grid": True, "grid.alpha": 0.25}):
        figure = Figure(figsize=(5.4 * columns + 1.2, 4.6), layout="constrained")
        axes = figure.subplots(1, columns, squeeze=False)[0]
    return figure, list(axes)


def _nines_axis(axes: Axes, bounds: Sequence[float]) -> None:
    best = max(bounds)
    axes.set_yscale("function", functions=(nines, lambda shown: 1 - 10.0**-shown))
    axes.set_ylim(min(0.0, *bounds), 1 - max(1 - best, 1e-5) / 1.6)
    axes.set_yticks([tick for tick in TICKS if tick <= best])
    axes.yaxis.set_major_formatter("{x:g}")


def _operations_axis(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(EngFormatter(sep=""))
    axes.tick_params(axis="x", which="minor", labelsize=6, labelrotation=60)


def _legend(figure: Figure, styles: Mapping[str, tuple[str, str]]) -> None:
    handles = [Line2D([], [], color=c, marker=m, ls="", label=name) for name, (c, m) in styles.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8, frameon=False)


def seeds_picture(proofs: Sequence[ProofRow], family: str) -> Figure:
    """Bound against operations: every proof of every seed of a family."""
    figure, (axes,) = _figure()
    own = [row for row in proofs if row.family == family and row.correct_at_least]
    strategies = list(dict.fromkeys(row.strategy for row in own))
    for strategy in strategies:
        colour, marker = style(strategy)
        rows = [row for row in own if row.strategy == strategy]
        operations = [row.operations for row in rows]
        axes.plot(operations, [row.correct_at_least / row.total for row in rows], marker, color=colour, ms=4, alpha=0.7)
    _operations_axis(axes)
    _nines_axis(axes, [row.correct_at_least / row.total for row in own])
    axes.set_xlabel("operations of the proof")
    axes.set_ylabel("bound: share of inputs proved correct")
    models = len({row.seed for row in own})
    axes.set_title(f"{family}: {models} models", loc="left")
    _legend(figure, {strategy: style(strategy) for strategy in strategies})
    return figure


def faithfulness_picture(models: Sequence[ModelRow], proofs: Sequence[ProofRow], family: str) -> Figure:
    """Bound over accuracy against the ratio of the first two singular values of EQKE, for proofs with QK of low
    rank."""
    figure, (axes,) = _figure()
    by_seed = {row.seed: row for row in models if row.family == family}
    strategies = [name for name in reversed(CLASSES) if "QK" in CLASSES[name]]
    for strategy in strategies:
        colour, marker = style(strategy)
        rows = [row for row in proofs if (row.family, row.strategy) == (family, strategy)]
        ratios = [by_seed[row.seed].faithfulness for row in rows]
        shares = [row.correct_at_least / row.total / by_seed[row.seed].accuracy for row in rows]
        axes.plot(ratios, shares, marker, color=colour, ms=5, alpha=0.8)
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter("{x:.0f}")
    axes.set_xlabel("first over second singular value of EQKE")
    axes.set_ylabel("bound over accuracy")
    axes.set_title(f"{family}: proofs with QK of low rank", loc="left")
    _legend(figure, {strategy: style(strategy) for strategy in strategies})
    return figure


def growth_picture(proofs: Sequence[ProofRow]) -> Figure:
    """Mean operations against the vocabulary and against the number of positions, with measured exponents."""
    figure, both = _figure(2)
    shown = {}
    for axes, families, label in zip(
        both, (BY_VOCABULARY, BY_POSITIONS), ("vocabulary v, at 4 positions", "positions K, of 64 tokens"), strict=True
    ):
        for strategy in ("exact", *reversed(CLASSES), "cubic"):
            points = growth(proofs, families, strategy)
            if len(points) < 2:
                continue
            shown[strategy] = style(strategy)
            colour, marker = style(strategy)
            label_of = f"{strategy}: {exponent(points):.2f}"
            axes.plot(*zip(*points, strict=True), marker=marker, color=colour, ms=5, lw=1, label=label_of)
        known = {row.family for row in proofs}
        tried = [
            (size, FAMILIES[name].vocabulary ** (FAMILIES[name].positions + 1))
            for name, size in families
            if name in known and FAMILIES[name].positions <= 5
        ]
        axes.plot(*zip(*tried, strict=True), "_", color="grey", ms=12, label="inputs times outputs")
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter(EngFormatter(sep=""))
        axes.set_xlabel(label)
        axes.set_ylabel("operations of the proof, mean")
        axes.legend(fontsize=7, title="measured exponents", title_fontsize=7)
    return figure


def draws_picture(rows: Sequence[DrawRow], model: str) -> Figure:
    """Of one model: bounds with random residuals, the trained one's, and the one with no residual."""
    circuits = list(dict.fromkeys(row.circuit for row in rows))
    figure, panels = _figure(len(circuits))
    for axes, circuit in zip(panels, circuits, strict=True):
        bounds = {row.residual: row.correct_at_least / row.total for row in rows if row.circuit == circuit}
        trained, without = bounds.pop("trained"), bounds.pop("without")
        axes.hist(list(bounds.values()), bins=20, color="#56B4E9", label=f"{len(bounds)} random residuals")
        axes.axvline(trained, color="#D55E00", label="trained")
        axes.axvline(without, color="black", ls="--", label="no residual")
        axes.set_xlabel("bound")
        axes.set_ylabel("models")
        axes.set_title(f"{model}: residual of {circuit}", loc="left")
        axes.legend()
    return figure


def directions_picture(rows: Sequence[DirectionRow], model: str) -> Figure:
    """Of one model: the bound as the hint's rank grows, one direction after the other, circuit by circuit."""
    figure, (axes,) = _figure()
    for circuit, (colour, marker) in zip(dict.fromkeys(row.circuit for row in rows), CIRCUITS, strict=True):
        own = [row for row in rows if row.circuit == circuit]
        bounds = [row.correct_at_least / row.total for row in own]
        axes.plot([row.rank for row in own], bounds, marker=marker, color=colour, label=circuit)
    axes.set_xlabel("rank of the hint")
    axes.set_ylabel("bound, the other circuits exact")
    axes.set_title(f"{model}: rank of the hint", loc="left")
    axes.legend()
    return figure


def tuning_picture(rows: Sequence[TuningRow]) -> Figure:
    """Bound against operations of all proofs, before and after."""
    figure, (axes,) = _figure()
    proofs = [row for row in rows if row.correct_at_least]
    for row in proofs:
        colour, marker = STAGE_STYLES[row.stage]
        axes.plot(row.operations, row.correct_at_least / row.total, marker, color=colour, ms=4, alpha=0.6)
    axes.axvline(BUDGET, color="black", lw=0.8, ls=":")
    _operations_axis(axes)
    _nines_axis(axes, [row.correct_at_least / row.total for row in proofs])
    axes.set_xlabel("operations of the proof")
    axes.set_ylabel("bound: share of inputs proved correct")
    axes.set_title(f"max-of-4, {len({row.seed for row in rows})} models", loc="left")
    _legend(figure, STAGE_STYLES)
    return figure
