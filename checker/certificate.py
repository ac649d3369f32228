"""What is claimed: a certificate, as a sequence of groups of inputs with a bound for each.

A certificate file is text of keywords and canonical decimal integers (`docs/formats.md`). It is data:
nothing in it is executed, and nothing in it is believed before a rule has established it.
"""

from dataclasses import dataclass

from checker.errors import Declined
from checker.text import Reader, require_canonical

MAX_BITS = 512
MAX_EXPONENTIAL_BITS = 4096
MAX_PARTITIONS = 4096
MAX_CHECKS = 4096
TABLES = ("QK", "OV", "EU")


@dataclass(frozen=True)
class Check:
    """One step of a group's proof: a rule that counts the group's inputs for which every output of
    some classes stays at least `margin` below the label.

    `margin` is an integer >= 1 in units of 2**-bits of the scaled margin (`docs/semantics.md`).
    `classes` are indices into the partition of outputs numbered `partition`; None stands for every
    class with an output that no earlier check of the group covered. `bands` divides the tokens 0, 1,
    2, ... below the label into bands of neighbours: runs of (how many bands, tokens in each).
    `step`, for the rule `convolution` only, makes 2**step units the step in which sums are counted.
    """

    rule: str
    bits: int
    margin: int
    partition: int
    classes: tuple[int, ...] | None
    bands: tuple[tuple[int, int], ...]
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

    `tables` names the rule that encloses each of the tables QK, OV, EU. `partitions` divide the outputs
    into classes of neighbours: (0, 3, 8) has the classes 0-2 and 3-7.
    """

    model_sha256: str
    correct: int
    score_bits: int
    exponential_bits: int
    tables: tuple[str, ...]
    partitions: tuple[tuple[int, ...], ...]
    groups: tuple[Group, ...]


def _format_check(check: Check) -> str:
    words = [check.rule, check.bits, check.margin, check.partition]
    words += ["rest"] if check.classes is None else [len(check.classes), *check.classes]
    words += [len(check.bands), *(k for run in check.bands for k in run)]
    if check.rule == "convolution":
        words.append(check.step)
    return " ".join(map(str, words))


def format_certificate(certificate: Certificate) -> str:
    """The canonical text of `certificate`."""
    lines = [
        "compact-proofs-certificate 1",
        f"model {certificate.model_sha256}",
        f"correct {certificate.correct}",
        f"score_bits {certificate.score_bits}",
        f"exponential_bits {certificate.exponential_bits}",
        *(f"table {name} {rule}" for name, rule in zip(TABLES, certificate.tables, strict=True)),
        f"partitions {len(certificate.partitions)}",
    ]
    lines += [" ".join(map(str, [len(p), *p])) for p in certificate.partitions]
    lines.append(f"groups {len(certificate.groups)}")
    for group in certificate.groups:
        lines.append(f"{group} correct {group.correct} checks {len(group.checks)}")
        lines += [_format_check(check) for check in group.checks]
    return "\n".join([*lines, "end", ""])


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
    step = reader.integer(0, MAX_BITS) if rule == "convolution" else 0
    return Check(rule, bits, margin, partition, classes, bands, step)


def parse_certificate(data: bytes, outputs: int) -> Certificate:
    """The certificate that `data` denotes, for a model with `outputs` outputs. Raises `Declined`."""
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
        reader.keyword("table")
        reader.keyword(name)
        tables.append(reader.keyword("exact"))
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
