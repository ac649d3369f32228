"""The text of a certificate file (`docs/formats.md`), as the checker reads it."""

from collections.abc import Sequence

from checker.certificate import TABLES, Certificate, Check, Table
from checker.rules.margin import NO_MARGIN, Margin
from model_export.exact_model_file import format_tensor


def _counted(numbers: Sequence[object]) -> str:
    return " ".join(map(str, [len(numbers), *numbers]))


def _format_table(name: str, table: Table) -> list[str]:
    if not table:
        return [f"table {name} exact"]
    lines = [f"table {name} low_rank {len(table)}"]
    for factor in table:
        lines.append(f"factor matrices {factor.matrices} rank {factor.hint[0].columns if factor.hint else 0}")
        tensors = zip("AHsC", (*(factor.hint or (None, None)), *(factor.norm or (None, None))), strict=True)
        lines += [line for kind, tensor in tensors if tensor for line in format_tensor(kind, tensor)]
    return lines


def _format_check(check: Check) -> str:
    classes = "rest" if check.classes is None else _counted(check.classes)
    bands = _counted([f"{count} {width}" for count, width in check.bands])
    levels = f" {_counted(check.levels)}" if check.rule == "levels" else ""
    return f"{check.rule} {check.bits} {check.margin} {check.partition} {classes} {bands}{levels}"


def format_margin(margin: Margin) -> list[str]:
    """The line of a margin, which 0 does not have."""
    return [] if margin == NO_MARGIN else [f"margin {margin[0]} {margin[1]}"]


def format_certificate(certificate: Certificate) -> str:
    """The canonical text of `certificate`."""
    lines = ["compact-proofs-certificate 1", f"model {certificate.model_sha256}"]
    lines += [f"correct {certificate.correct}", *format_margin(certificate.margin)]
    for name in ("score_bits", "exponential_bits"):
        lines.append(f"{name} {getattr(certificate, name)}")
    for name, table in zip(TABLES, certificate.tables, strict=True):
        lines += _format_table(name, table)
    lines += [f"partitions {len(certificate.partitions)}", *map(_counted, certificate.partitions)]
    lines.append(f"groups {len(certificate.groups)}")
    for group in certificate.groups:
        lines.append(f"{group} correct {group.correct} checks {len(group.checks)}")
        lines += map(_format_check, group.checks)
    return "\n".join([*lines, "end", ""])
