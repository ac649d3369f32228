"""Rules about tables: what one is given, and what it concludes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from checker.certificate import Table
from checker.meter import Meter
from checker.numbers.dyadic import Dyadic
from checker.text import Reader


@dataclass(frozen=True)
class TablePremises:
    """A table's name, the path of matrices whose product it is, and the hints of a certificate."""

    name: str
    path: Sequence[Dyadic]
    factors: Table
    meter: Meter


class Enclosure(NamedTuple):
    """The conclusion: a table known entry by entry, lower <= entry <= upper, as exact numbers."""

    lower: Dyadic
    upper: Dyadic

    @property
    def ends(self) -> tuple[Dyadic, ...]:
        """The bounds that are different: one, where the table is known exactly."""
        return (self.lower,) if self.upper is self.lower else (self.lower, self.upper)


@dataclass(frozen=True)
class TableRule:
    """A rule by its name in a certificate: what of a table's line and the lines after it is its
    own, for a path of so many matrices; whether that fits a path of the sizes of a model; and its
    check.
    """

    name: str
    parse: Callable[[Reader, int], Table]
    require_shapes: Callable[[str, Table, Sequence[int]], None]
    check: Callable[[TablePremises], Enclosure]
