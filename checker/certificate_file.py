"""Certificate files of version 1: text of keywords and canonical decimal integers
(`docs/formats.md`), read without the model that they are about."""

from collections.abc import Sequence

from checker.certificate import TABLES, Certificate, Check, Group, Table
from checker.errors import Declined
from checker.header import parse_header
from checker.models.attention_only import MAX_VOCABULARY, PATHS, ExactModel
from checker.rules.registry import GROUP_RULES, group_rule
from checker.rules.tables import TABLE_RULES, table_rule
from checker.text import NATURAL, POSITIVE, Reader

MAX_BITS = 512
MAX_EXPONENTIAL_BITS = 4096
MAX_PARTITIONS = 4096
MAX_CHECKS = 4096
BITS = (1, MAX_BITS, "max_bits")

Partitions = Sequence[tuple[int, ...]]


def _parse_table(reader: Reader, name: str) -> Table:
    """How the table `name` is enclosed."""
    reader.take("table", name)
    chosen = reader.word(*(rule.name for rule in TABLE_RULES))
    [rule] = [rule for rule in TABLE_RULES if rule.name == chosen]
    return rule.parse(reader, len(PATHS[name]))


def _parse_partition(reader: Reader) -> tuple[int, ...]:
    """The cuts between classes of outputs; the last one is the number of outputs."""
    cuts = reader.ascending((2, MAX_VOCABULARY + 1), (0, MAX_VOCABULARY))
    if cuts[0] != 0:
        raise reader.fail("cuts from 0 on before here")
    reader.take("\n")
    return cuts


def _parse_classes(reader: Reader, cuts: tuple[int, ...]) -> tuple[int, ...] | None:
    """Classes between the cuts of a partition, or None for the rest of them."""
    if reader.next == "rest":
        reader.take("rest")
        return None
    last = len(cuts) - 2
    return reader.ascending((1, last + 1), (0, last))


def _parse_bands(reader: Reader) -> tuple[tuple[int, int], ...]:
    """Runs of bands: how many, and of how many tokens each."""
    numbers = reader.integers(2 * reader.take(NATURAL)[0], POSITIVE)
    bands = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    if any(width == other for (_, width), (_, other) in zip(bands, bands[1:], strict=False)):
        raise reader.fail("neighbouring runs of bands of different widths before here")
    return bands


def _parse_check(reader: Reader, partitions: Partitions) -> Check:
    """A check, on one line."""
    rule = group_rule(reader.word(*(rule.name for rule in GROUP_RULES)))
    bits, margin, partition = reader.take(BITS, POSITIVE, (0, len(partitions) - 1))
    classes, bands = _parse_classes(reader, partitions[partition]), _parse_bands(reader)
    levels = rule.parse(reader, sum(count for count, _ in bands))
    reader.take("\n")
    return Check(rule.name, bits, margin, partition, classes, bands, levels)


def _parse_group(reader: Reader, partitions: Partitions) -> Group:
    """A group and its checks."""
    label, first, last = reader.take("group", "label", NATURAL, "queries", NATURAL, NATURAL)
    limits = (1, MAX_CHECKS, "max_checks")
    correct, count = reader.take("correct", NATURAL, "checks", limits, "\n")
    checks = tuple(_parse_check(reader, partitions) for _ in range(count))
    return Group(label, first, last, correct, checks)


def parse_certificate(data: bytes) -> Certificate:
    """The certificate that `data` denotes. Raises `Declined`."""
    reader = Reader(data, "certificate")
    header = parse_header(reader, "1")
    [score_bits] = reader.take("score_bits", BITS, "\n")
    limits = (score_bits, MAX_EXPONENTIAL_BITS, "max_exponential_bits")
    [exponential_bits] = reader.take("exponential_bits", limits, "\n")
    tables = tuple(_parse_table(reader, name) for name in TABLES)
    [count] = reader.take("partitions", (0, MAX_PARTITIONS, "max_partitions"), "\n")
    partitions = tuple(_parse_partition(reader) for _ in range(count))
    [count] = reader.take("groups", NATURAL, "\n")
    groups = tuple(_parse_group(reader, partitions) for _ in range(count))
    reader.end()
    claim, bits = (header.model_sha256, header.correct), (score_bits, exponential_bits)
    return Certificate(*claim, *bits, tables, partitions, groups, margin=header.margin)


def require_sizes(certificate: Certificate, model: ExactModel) -> None:
    """Raises `Declined` unless hints and partitions have the sizes of a model."""
    for name, table in zip(TABLES, certificate.tables, strict=True):
        table_rule(table).require_shapes(name, table, model.path_sizes(name))
    for i, cuts in enumerate(certificate.partitions):
        if cuts[-1] != model.outputs:
            expected = f"expected cuts up to {model.outputs}, found {cuts[-1]}"
            raise Declined(f"certificate: partition {i}: {expected}")
