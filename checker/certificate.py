"""What is claimed: a certificate, as a sequence of groups of inputs with a bound for each.

A certificate file is text of keywords and canonical decimal integers (`docs/formats.md`). It is data:
nothing in it is executed, and nothing in it is believed before a rule has established it.
"""

from dataclasses import dataclass

from checker.errors import Declined
from checker.model import Dyadic, ExactModel, format_tensor, parse_tensor
from checker.text import Reader, require_canonical

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
    `step`, for the rule `convolution` only, makes 2**step units the step in which sums are counted.
    """

    rule: str
    bits: int
    margin: int
    partition: int
    classes: tuple[int, ...] | None
    bands: tuple[tuple[int, int], ...]
    levels: tuple[int, ...] = ()
    step: int = 0


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

    `tables` says how each of the tables QK, OV, EU is enclosed. `partitions` divide the outputs
    into classes of neighbours: (0, 3, 8) has the classes 0-2 and 3-7.
    """

    model_sha256: str
    correct: int
    score_bits: int
    exponential_bits: int
    tables: tuple[Table, ...]
    partitions: tuple[tuple[int, ...], ...]
    groups: tuple[Group, ...]


def _format_check(check: Check) -> str:
    words = [check.rule, check.bits, check.margin, check.partition]
    words += ["rest"] if check.classes is None else [len(check.classes), *check.classes]
    words += [len(check.bands), *(k for run in check.bands for k in run)]
    if check.rule == "levels":
        words += [len(check.levels), *check.levels]
    if check.rule == "convolution":
        words.append(check.step)
    return " ".join(map(str, words))


def _format_table(name: str, table: Table) -> list[str]:
    if not table.factors:
        return [f"table {name} exact"]
    lines = [f"table {name} low_rank {len(table.factors)}"]
    for factor in table.factors:
        rank = factor.hint[0].columns if factor.hint else 0
        lines.append(f"factor matrices {factor.matrices} rank {rank}")
        for tensor_name, tensor in zip("AH", factor.hint or (), strict=False):
            lines += format_tensor(tensor_name, tensor)
        for tensor_name, tensor in zip("sC", factor.norm or (), strict=False):
            lines += format_tensor(tensor_name, tensor)
    return lines


def format_certificate(certificate: Certificate) -> str:
    """The canonical text of `certificate`."""
    lines = [
        "compact-proofs-certificate 1",
        f"model {certificate.model_sha256}",
        f"correct {certificate.correct}",
        f"score_bits {certificate.score_bits}",
        f"exponential_bits {certificate.exponential_bits}",
    ]
    for name, table in zip(TABLES, certificate.tables, strict=True):
        lines += _format_table(name, table)
    lines.append(f"partitions {len(certificate.partitions)}")
    lines += [" ".join(map(str, [len(p), *p])) for p in certificate.partitions]
    lines.append(f"groups {len(certificate.groups)}")
    for group in certificate.groups:
        lines.append(f"{group} correct {group.correct} checks {len(group.checks)}")
        lines += [_format_check(check) for check in group.checks]
    return "\n".join([*lines, "end", ""])


def _parse_table(reader: Reader, name: str, sizes: tuple[int, ...]) -> Table:
    """How the table `name` is enclosed; matrix i of its path has the shape (sizes[i], sizes[i + 1])."""
    reader.keyword("table")
    reader.keyword(name)
    if reader.keyword("exact", "low_rank") == "exact":
        return Table()
    factors: list[Factor] = []
    count, start = reader.integer(2, len(sizes) - 1), 0
    for i in range(count):
        reader.keyword("factor")
        reader.keyword("matrices")
        most = len(sizes) - 1 - start - (count - 1 - i)
        matrices = reader.integer(most if i == count - 1 else 1, most)
        rows, columns = sizes[start], sizes[start + matrices]
        reader.keyword("rank")
        rank = reader.integer(0, min(rows, columns))
        hint = norm = None
        if rank:
            hint = (parse_tensor(reader, "A", rows, rank), parse_tensor(reader, "H", rank, columns))
        if 0 < i < count - 1:
            norm = (parse_tensor(reader, "s", 1, 1), parse_tensor(reader, "C", rows, rows))
            if norm[0].integers[0, 0] < 0:
                raise Declined(f"certificate: table {name} factor {i + 1}: the norm s is negative")
        factors.append(Factor(matrices, hint, norm))
        start += matrices
    return Table(tuple(factors))


def _parse_check(reader: Reader, partitions: tuple[tuple[int, ...], ...]) -> Check:
    rule = reader.keyword("levels", "enumerate", "convolution")
    bits = reader.integer(1, MAX_BITS)
    margin = reader.integer(1)
    partition = reader.integer(0, len(partitions) - 1)
    classes = None
    if reader.peek() == "rest":
        reader.word()
    else:
        last_class = len(partitions[partition]) - 2
        classes = tuple(reader.integers(reader.integer(1, last_class + 1), 0, last_class))
        if any(a >= b for a, b in zip(classes, classes[1:], strict=False)):
            raise reader.fail("ascending classes before here")
    numbers = reader.integers(2 * reader.integer(0), 1)
    bands = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    if any(a == b for (_, a), (_, b) in zip(bands, bands[1:], strict=False)):
        raise reader.fail("neighbouring runs of bands of different widths before here")
    levels: tuple[int, ...] = ()
    if rule == "levels":
        levels = tuple(reader.integers(reader.integer(0), 1))
        if sum(levels) != sum(count for count, _ in bands):
            raise reader.fail("levels that hold every band once before here")
    step = reader.integer(0, MAX_BITS) if rule == "convolution" else 0
    return Check(rule, bits, margin, partition, classes, bands, levels, step)


def parse_certificate(data: bytes, model: ExactModel) -> Certificate:
    """The certificate that `data` denotes, for a model of the sizes of `model`. Raises `Declined`."""
    outputs = model.outputs
    reader = Reader(data, "certificate")
    reader.keyword("compact-proofs-certificate")
    reader.keyword("1")
    reader.keyword("model")
    model_sha256 = reader.word()
    if len(model_sha256) != 64 or not set(model_sha256) <= set("0123456789abcdef"):
        raise Declined("certificate: the model's SHA-256 is not 64 lower-case hexadecimal digits")
    reader.keyword("correct")
    correct = reader.integer(0)
    reader.keyword("score_bits")
    score_bits = reader.integer(1, MAX_BITS)
    reader.keyword("exponential_bits")
    exponential_bits = reader.integer(score_bits, MAX_EXPONENTIAL_BITS)
    tables = []
    for name in TABLES:
        tables.append(_parse_table(reader, name, model.path_sizes(name)))
    reader.keyword("partitions")
    partitions = []
    for _ in range(reader.integer(0, MAX_PARTITIONS)):
        cuts = tuple(reader.integers(reader.integer(2, outputs + 1), 0, outputs))
        if cuts[0] != 0 or cuts[-1] != outputs or any(
            a >= b for a, b in zip(cuts, cuts[1:], strict=False)
        ):
            raise reader.fail(f"ascending cuts from 0 to {outputs} before here")
        partitions.append(cuts)
    fixed_partitions = tuple(partitions)
    reader.keyword("groups")
    groups = []
    for _ in range(reader.integer(0)):
        numbers = []
        for name, count in (("group", 0), ("label", 1), ("queries", 2), ("correct", 1)):
            reader.keyword(name)
            numbers += reader.integers(count, 0)
        reader.keyword("checks")
        checks = [
            _parse_check(reader, fixed_partitions) for _ in range(reader.integer(1, MAX_CHECKS))
        ]
        groups.append(Group(*numbers, tuple(checks)))
    reader.end()
    certificate = Certificate(
        model_sha256,
        correct,
        score_bits,
        exponential_bits,
        tuple(tables),
        fixed_partitions,
        tuple(groups),
    )
    require_canonical(data, format_certificate(certificate), "certificate")
    return certificate
