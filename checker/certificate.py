"""What is claimed: a certificate, as a sequence of groups of inputs with a bound for each.

A certificate file is text of keywords and canonical decimal integers (`docs/formats.md`). It is
data: nothing in it is executed, and nothing in it is believed before a rule has established it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from checker.model import Dyadic, ExactModel, parse_tensor
from checker.rules.margin import NO_MARGIN, Margin, parse_margin
from checker.text import NATURAL, POSITIVE, Reader

MAX_BITS = 512
MAX_EXPONENTIAL_BITS = 4096
MAX_PARTITIONS = 4096
MAX_CHECKS = 4096
TABLES = ("QK", "OV", "EU")
BITS = (1, MAX_BITS, "max_bits")


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


@dataclass(frozen=True)
class Certificate:
    """A claim about the model with a given hash, and its proof.

    `tables` says how each of the tables QK, OV, EU is enclosed. `partitions` divide the outputs
    into classes of neighbours: (0, 3, 8) has the classes 0-2 and 3-7. Inputs are claimed to be
    correct by more than `margin`.
    """

    model_sha256: str
    correct: int
    score_bits: int
    exponential_bits: int
    tables: tuple[Table, ...]
    partitions: tuple[tuple[int, ...], ...]
    groups: tuple[Group, ...]
    margin: Margin = NO_MARGIN


def _parse_table(reader: Reader, name: str, sizes: tuple[int, ...]) -> Table:
    """How the table `name` is enclosed; matrix i of its path has the shape (sizes[i], sizes[i +
    1])."""
    reader.take("table", name)
    if reader.word("exact", "low_rank") == "exact":
        reader.take("\n")
        return ()
    factors: list[Factor] = []
    [count] = reader.take((2, len(sizes) - 1), "\n")
    for left in reversed(range(count)):  # factors after this one, which need a matrix each
        most = len(sizes) - 1 - left
        [matrices] = reader.take("factor", "matrices", (1 if left else most, most))
        rows, columns = sizes[0], sizes[matrices]
        [rank], hint, norm = reader.take("rank", (0, min(rows, columns)), "\n"), None, None
        if rank:
            hint = (parse_tensor(reader, "A", rows, rank), parse_tensor(reader, "H", rank, columns))
        if factors and left:
            norm = (parse_tensor(reader, "s", 1, 1), parse_tensor(reader, "C", rows, rows))
        factors.append(Factor(matrices, hint, norm))
        sizes = sizes[matrices:]
    return tuple(factors)


def _parse_check(reader: Reader, partitions: Sequence[tuple[int, ...]]) -> Check:
    rule = reader.word("levels", "enumerate")
    bits, margin, partition = reader.take(BITS, POSITIVE, (0, len(partitions) - 1))
    last_class = len(partitions[partition]) - 2
    rest = reader.next == "rest"
    classes = reader.take("rest") if rest else reader.ascending((1, last_class + 1), (0, last_class))
    numbers = reader.integers(2 * reader.take(NATURAL)[0], POSITIVE)
    bands = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    if any(a == b for (_, a), (_, b) in zip(bands, bands[1:], strict=False)):
        raise reader.fail("neighbouring runs of bands of different widths before here")
    levels = reader.integers(reader.take(NATURAL)[0], POSITIVE) if rule == "levels" else []
    if rule == "levels" and sum(levels) != sum(count for count, _ in bands):
        raise reader.fail("levels that hold every band once before here")
    reader.take("\n")
    return Check(rule, bits, margin, partition, None if rest else tuple(classes), bands, tuple(levels))


def _parse_group(reader: Reader, partitions: Sequence[tuple[int, ...]]) -> Group:
    label, first, last = reader.take("group", "label", NATURAL, "queries", NATURAL, NATURAL)
    correct, checks = reader.take("correct", NATURAL, "checks", (1, MAX_CHECKS, "max_checks"), "\n")
    return Group(label, first, last, correct, tuple(_parse_check(reader, partitions) for _ in range(checks)))


def parse_certificate(data: bytes, model: ExactModel) -> Certificate:
    """The certificate that `data` denotes, for a model of the sizes of `model`. Raises
    `Declined`."""
    reader = Reader(data, "certificate")
    reader.take("compact-proofs-certificate", "1", "\n", "model")
    model_sha256 = reader.next
    if len(model_sha256) != 64 or not set(model_sha256) <= set("0123456789abcdef"):
        raise reader.fail("the model's SHA-256, 64 lower-case hexadecimal digits")
    [correct], margin = reader.take(model_sha256, "\n", "correct", NATURAL, "\n"), parse_margin(reader)
    [score_bits] = reader.take("score_bits", BITS, "\n")
    limits = (score_bits, MAX_EXPONENTIAL_BITS, "max_exponential_bits")
    [exponential_bits] = reader.take("exponential_bits", limits, "\n")
    tables = tuple(_parse_table(reader, name, model.path_sizes(name)) for name in TABLES)
    partitions: list[tuple[int, ...]] = []
    for _ in range(reader.take("partitions", (0, MAX_PARTITIONS, "max_partitions"), "\n")[0]):
        partitions.append(reader.ascending((2, model.outputs + 1), (0, model.outputs)))
        if (partitions[-1][0], partitions[-1][-1]) != (0, model.outputs):
            raise reader.fail(f"cuts from 0 to {model.outputs} before here")
        reader.take("\n")
    groups = tuple(_parse_group(reader, partitions) for _ in range(reader.take("groups", NATURAL, "\n")[0]))
    reader.end()
    parts = tables, tuple(partitions), groups
    return Certificate(model_sha256, correct, score_bits, exponential_bits, *parts, margin)
