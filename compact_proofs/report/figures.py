"""The pictures of a report as files for papers: PNG, SVG and PDF."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import altair as alt
import vl_convert

from compact_proofs.report.charts import Figure, frontier_figures, model_figures
from compact_proofs.report.collect import Subject
from model_export.output_files import write_whole

WIDTH = 420
CONFIG = {"background": "white", "view": {"stroke": None}, "legend": {"orient": "bottom", "columns": 4}}


def named_figures(subjects: Sequence[Subject]) -> Iterator[tuple[str, Figure]]:
    """Each picture with the name of its files, which has letters, digits, dots and hyphens only."""
    for figure in frontier_figures(subjects):
        yield _plain(figure.name), figure
    for number, subject in enumerate(subjects, 1):
        same = [other.facts.name for other in subjects].count(subject.facts.name) > 1
        name = f"{subject.facts.name}-{number}" if same else subject.facts.name
        for figure in model_figures(subject):
            yield _plain(f"{name}-{figure.name}"), figure


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip(".-") or "figure"


def write_figures(subjects: Sequence[Subject], folder: Path) -> list[Path]:
    """Write each picture to the folder, which is made, as PNG, SVG and PDF; returns their paths."""
    version = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in named_figures(subjects):
        specification = {**figure.specification, "width": WIDTH, "title": figure.title, "config": CONFIG}
        for suffix, data in (
            ("png", vl_convert.vegalite_to_png(specification, vl_version=version, scale=2.0)),
            ("svg", vl_convert.vegalite_to_svg(specification, vl_version=version).encode("utf-8")),
            ("pdf", vl_convert.vegalite_to_pdf(specification, vl_version=version)),
        ):
            paths.append(folder / f"{name}.{suffix}")
            write_whole(paths[-1], data)
    return paths
