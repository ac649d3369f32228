"""What is claimed: a certificate, as a sequence of groups of inputs with a bound for each.

A certificate file is text of keywords and canonical decimal integers (`docs/formats.md`). It is data:
nothing in it is executed, and nothing in it is believed before a rule has established it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from checker.errors import Declined
from checker.model import Dyadic, ExactModel, parse_tensor
from checker.text import Reader

MAX_BITS = 512
MAX_EXPONENTIAL_BITS = 4096
MAX_PARTITIONS = 4096
MAX_CHECKS = 4096
TABLES = ("QK", "OV", "EU")


@dataclass(frozen=True)
class Factor:
    """A factor of a table for the rule `low_rank`: the product of `matrices` neighbours of its path.

    `hint` is (A, H), of shapes [rows, rank] and [rank, columns], whose product stands for most of the
    factor. `norm`, for every factor but the first and the last, is (s, C): the claimed operator norm
    [1, 1] of what the hint leaves, and a matrix [rows, rows] that helps to confirm it.
    """

    matrices: int
    hint: tuple[Dyadic, Dyadic] | None
    norm: tuple[Dyadic, Dyadic] | None


@dataclass(frozen=True)
class Table:
    """How a table is enclosed: by the rule `low_rank` with `factors`, or exactly where there are none."""

    factors: tuple[Factor, ...] = ()


@dataclass(frozen=True)
class Check:
    """One step of a group's proof: a rule that counts the group's inputs for which every output of
    some classes stays at least `margin` below the label.

    `margin` is an integer >= 1 in units of 2**-bits of the scaled margin (`docs/semantics.md`).
    `classes` are indices into the partition of outputs numbered `partition`; None stands for every
    class with an output that no earlier check of the group covered. `bands` divides the tokens 0, 1,
    2, ... below the label into bands of neighbours: runs of (how many bands, tokens in each). `levels`,
    for the rule `levels` only, groups the bands in order: how many bands are in each level.
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

    def __str__(self) -> str:
        return f"group label {self.label} queries {self.first_query} {self.last_query}"


@dataclass(frozen=True)
class Certificate:
    """A claim about the model with a given hash, and its proof.

    `tables` says how each of the tables QK, OV, EU is enclosed. `partitions` divide the outputs into
    classes of neighbours: (0, 3, 8) has the classes 0-2 and 3-7.
    """

    model_sha256: str
    correct: int
    score_bits: int
    exponential_bits: int
    tables: tuple[Table, ...]
    partitions: tuple[tuple[int, ...], ...]
    groups: tuple[Group, ...]


def _ascending(numbers: Sequence[int]) -> bool:
    return all(a < b for a, b in zip(numbers, numbers[1:], strict=False))


def _parse_table(reader: Reader, name: str, sizes: tuple[int, ...]) -> Table:
    """How the table `name` is enclosed; matrix i of its path has the shape (sizes[i], sizes[i + 1])."""
    reader.word("table")
    reader.word(name)
    if reader.word("exact", "low_rank") == "exact":
        reader.line()
        return Table()
    factors: list[Factor] = []
    count, start = reader.field(low=2, high=len(sizes) - 1), 0
    reader.line()
    for i in range(count):
        most = len(sizes) - 1 - start - (count - 1 - i)
        matrices = reader.field("factor", "matrices", low=most if i == count - 1 else 1, high=most)
        rows, columns = sizes[start], sizes[start + matrices]
        rank, hint, norm = reader.setting("rank", 0, min(rows, columns)), None, None
        if rank:
            hint = (parse_tensor(reader, "A", rows, rank), parse_tensor(reader, "H", rank, columns))
        if 0 < i < count - 1:
            norm = (parse_tensor(reader, "s", 1, 1), parse_tensor(reader, "C", rows, rows))
        factors.append(Factor(matrices, hint, norm))
        start += matrices
    return Table(tuple(factors))


def _parse_check(reader: Reader, partitions: Sequence[tuple[int, ...]]) -> Check:
    rule = reader.word("levels", "enumerate")
    bits, margin = reader.field(low=1, high=MAX_BITS), reader.field(low=1)
    partition = reader.field(low=0, high=len(partitions) - 1)
    classes: tuple[int, ...] | None = None
    levels: tuple[int, ...] = ()
    if reader.peek() == "rest":
        reader.word("rest")
    else:
        last_class = len(partitions[partition]) - 2
        classes = tuple(reader.integers(reader.field(low=1, high=last_class + 1), 0, last_class))
        if not _ascending(classes):
            raise reader.fail("ascending classes before here")
    numbers = reader.integers(2 * reader.field(low=0), 1)
    bands = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    if any(a == b for (_, a), (_, b) in zip(bands, bands[1:], strict=False)):
        raise reader.fail("neighbouring runs of bands of different widths before here")
    if rule == "levels":
        levels = tuple(reader.integers(reader.field(low=0), 1))
        if sum(levels) != sum(count for count, _ in bands):
            raise reader.fail("levels that hold every band once before here")
    reader.line()
    return Check(rule, bits, margin, partition, classes, bands, levels)


def _parse_group(reader: Reader, partitions: Sequence[tuple[int, ...]]) -> Group:
    label = reader.field("group", "label", low=0)
    first_query, last_query = reader.field("queries", low=0), reader.field(low=0)
    correct, checks = reader.field("correct", low=0), reader.setting("checks", 1, MAX_CHECKS)
    steps = tuple(_parse_check(reader, partitions) for _ in range(checks))
    return Group(label, first_query, last_query, correct, steps)


def parse_certificate(data: bytes, model: ExactModel) -> Certificate:
    """The certificate that `data` denotes, for a model of the sizes of `model`. Raises `Declined`."""
    reader = Reader(data, "certificate")
    reader.line("compact-proofs-certificate", "1")
    reader.word("model")
    model_sha256 = reader.word()
    if len(model_sha256) != 64 or not set(model_sha256) <= set("0123456789abcdef"):
        raise Declined("certificate: the model's SHA-256 is not 64 lower-case hexadecimal digits")
    reader.line()
    correct = reader.setting("correct", 0)
    score_bits = reader.setting("score_bits", 1, MAX_BITS)
    exponential_bits = reader.setting("exponential_bits", score_bits, MAX_EXPONENTIAL_BITS)
    tables = tuple(_parse_table(reader, name, model.path_sizes(name)) for name in TABLES)
    partitions: list[tuple[int, ...]] = []
    for _ in range(reader.setting("partitions", 0, MAX_PARTITIONS)):
        count = reader.field(low=2, high=model.outputs + 1)
        partitions.append(tuple(reader.integers(count, 0, model.outputs)))
        reader.line()
        if partitions[-1][0] != 0 or partitions[-1][-1] != model.outputs or not _ascending(partitions[-1]):
            raise reader.fail(f"ascending cuts from 0 to {model.outputs} before here")
    groups = tuple(_parse_group(reader, partitions) for _ in range(reader.setting("groups", 0)))
    reader.end()
    return Certificate(model_sha256, correct, score_bits, exponential_bits, tables, tuple(partitions), groups)
