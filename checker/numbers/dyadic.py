"""Matrices of exact numbers, integers times a power of two, and how files hold them."""

from dataclasses import dataclass
from functools import cached_property

from flint import fmpz, fmpz_mat

from checker.errors import Declined
from checker.text import Range, Reader

MAX_EXPONENT = 2200


@dataclass(frozen=True)
class Dyadic:
    """A matrix of exact numbers: every entry is `integers[i, j] * 2**exponent`."""

    integers: fmpz_mat
    exponent: int

    rows = property(lambda self: int(self.integers.nrows()))
    columns = property(lambda self: int(self.integers.ncols()))
    T = property(lambda self: Dyadic(self.integers.transpose(), self.exponent))
    # The bits of the largest of the integers.
    bits = cached_property(lambda self: max(map(fmpz.bit_length, self.integers.entries())))


def parse_tensor(reader: Reader, name: str, rows: int, columns: int) -> Dyadic:
    """A tensor of the expected name and shape. Its exponent must be the largest possible one."""
    limits: Range = (-MAX_EXPONENT, MAX_EXPONENT, "max_exponent")
    [exponent] = reader.take("tensor", name, str(rows), str(columns), limits, "\n")
    entries: list[int] = []
    for _ in range(rows):
        entries += reader.integers(columns)
        reader.take("\n")
    if exponent != 0 if not any(entries) else all(k % 2 == 0 for k in entries):
        raise Declined(f"{reader.kind}: tensor {name}: the exponent {exponent} is not canonical")
    return Dyadic(fmpz_mat(rows, columns, entries), exponent)


def parse_sized_tensor(reader: Reader, name: str, rows: Range, columns: Range) -> Dyadic:
    """A tensor of the expected name, whose first line says its shape, within limits."""
    place = reader.place
    found = reader.take("tensor", name, rows, columns)
    reader.place = place
    return parse_tensor(reader, name, *found)
