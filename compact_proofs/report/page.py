"""A report as one HTML page, which needs no network: pictures, tables, and the script that draws the pictures."""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version

import altair as alt
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from checker.__main__ import printable
from compact_proofs.report.charts import Figure, frontier_figures, legend_names, model_figures, strategy_styles
from compact_proofs.report.collect import Subject
from compact_proofs.report.proofs import best
from compact_proofs.report.summary import as_object

# Groups of a table at most.
MAX_ROWS = 20


def page(subjects: Sequence[Subject]) -> bytes:
    """The page about some models. The same facts give the same bytes."""
    environment = Environment(
        loader=PackageLoader("compact_proofs.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["printable"] = lambda value: printable(str(value))
    environment.globals["styles"] = strategy_styles(subjects)
    environment.globals["names"] = legend_names(subjects)
    figures: dict[str, Figure] = {}

    def place(figure: Figure, prefix: str = "") -> str:
        """The id of the place of a figure, which is drawn there."""
        key = f"figure-{prefix}{figure.name}".replace(" ", "-")
        figures[key] = figure
        return key

    frontier = [(place(figure), figure) for figure in frontier_figures(subjects)]
    sections = [
        {
            "id": f"model-{number}",
            "subject": subject,
            "best": best(subject.proofs),
            "figures": [(place(figure, f"{number}-"), figure) for figure in model_figures(subject)],
        }
        for number, subject in enumerate(subjects, 1)
    ]
    text = environment.get_template("report.html").render(
        version=version("compact-proofs"),
        frontier=frontier,
        sections=sections,
        rows=MAX_ROWS,
        specifications={key: figure.specification for key, figure in figures.items()},
        facts=[as_object(subject) for subject in subjects],
        script=Markup(_library().replace("</script", "<\\/script")),  # its own text, with nothing from outside
    )
    return text.encode("utf-8", "backslashreplace")


@cache
def _library() -> str:
    """Vega, Vega-Lite and vega-embed, as one script that sets `window.vegaEmbed`."""
    major_minor = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=major_minor))
