"""What a certificate of version 1 claims: a sequence of groups of inputs with a bound for each.

It is data: nothing in it is executed, and nothing in it is believed before a rule has established
it. `checker.certificate_file` reads it.
"""

from dataclasses import dataclass

from checker.header import Header
from checker.numbers.dyadic import Dyadic

TABLES = ("QK", "OV", "EU")


@dataclass(frozen=True)
class Factor:
    """A factor of a table for the rule `low_rank`: the product of `matrices` neighbours of its
    path.

    `hint` is (A, H), of shapes [rows, rank] and [rank, columns], whose product stands for most of
    the factor. `norm`, for every factor but the first and the last, is (s, C): the claimed operator
    norm [1, 1] of what the hint leaves, and a matrix [rows, rows] that helps to confirm it.
    """

    matrices: int
    hint: tuple[Dyadic, Dyadic] | None
    norm: tuple[Dyadic, Dyadic] | None


# How a table is enclosed: by the rule `low_rank` with these factors, or exactly where there are
# none.
Table = tuple[Factor, ...]


@dataclass(frozen=True)
class Check:
    """One step of a group's proof: a rule that counts the group's inputs for which every output of
    some classes stays at least `margin` below the label.

    `margin` is an integer >= 1 in units of 2**-bits of the scaled margin (`docs/semantics.md`).
    `classes` are indices into the partition of outputs numbered `partition`; None stands for every
    class with an output that no earlier check of the group covered. `bands` divides the tokens 0,
    1, 2, ... below the label into bands of neighbours: runs of (how many bands, tokens in each).
    `levels`, for the rule `levels` only, groups the bands in order: how many bands are in each
    level.
    """

    rule: str
    bits: int
    margin: int
    partition: int
    classes: tuple[int, ...] | None
    bands: tuple[tuple[int, int], ...]
    levels: tuple[int, ...] = ()


@dataclass(frozen=True)
class Group:
    """The inputs whose label is `label` and whose last token is from `first_query` to `last_query`,
    with the claim that at least `correct` of them are correct."""

    label: int
    first_query: int
    last_query: int
    correct: int
    checks: tuple[Check, ...]

    # How many inputs of the group must have the label before the last position, at the least; its
    # queries.
    labels = property(lambda self: int(self.first_query != self.label))
    queries = property(lambda self: range(self.first_query, self.last_query + 1))

    def __str__(self) -> str:
        return f"group label {self.label} queries {self.first_query} {self.last_query}"


def group_size(group: Group, positions: int) -> int:
    """The number of inputs in `group`: its label occurs, and no larger token does."""
    others = positions - 1
    sequences = (group.label + 1) ** others - group.labels * group.label**others
    return len(group.queries) * sequences


@dataclass(frozen=True)
class Certificate(Header):
    """A claim about the model with a given hash, and its proof.

    `tables` says how each of the tables QK, OV, EU is enclosed. `partitions` divide the outputs
    into classes of neighbours: (0, 3, 8) has the classes 0-2 and 3-7.
    """

    score_bits: int
    exponential_bits: int
    tables: tuple[Table, ...]
    partitions: tuple[tuple[int, ...], ...]
    groups: tuple[Group, ...]
