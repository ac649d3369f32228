"""The rule `exact`: a table is formed."""

from collections.abc import Sequence

from checker.certificate import Table
from checker.numbers.matrices import Matrices
from checker.rules.table_rule import Enclosure, TablePremises, TableRule
from checker.text import Reader


def parse_exact(reader: Reader, path: int) -> Table:
    """The rest of the line, which is empty."""
    reader.take("\n")
    return ()


def require_shapes(name: str, table: Table, sizes: Sequence[int]) -> None:
    """There are no hints that might not fit."""


def check_exact(premises: TablePremises) -> Enclosure:
    """Rule `exact`: the table is the product of its path, formed exactly.

    Premises: none. Failure: none. Operations: rows * columns * (2 * inner - 1) for each product of
    two matrices, in the order in which they are fewest.
    """
    product = Matrices("exact", premises.meter).product(*premises.path)
    return Enclosure(product, product)


EXACT = TableRule("exact", parse_exact, require_shapes, check_exact)
