"""What the functions of `compact_proofs` return: exact models, certificates and verdicts, short to print.

Each is a file's content in memory. In a notebook they are shown as small tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from html import escape
from os import PathLike
from pathlib import Path
from typing import NoReturn

import checker
from certificates.prover import Proof
from checker.header import model_hash
from checker.meter import Meter
from checker.models.attention_only import ExactModel, parse_model
from checker.models.program import Program, parse_program
from checker.rules.examine import PROGRAM
from checker.verdict import percentage
from compact_proofs.verified import VerifiedVerdict
from model_export.output_files import write_whole

FilePath = str | PathLike[str]
# Of a SHA-256, what is shown where there is little room.
HASH_SHOWN = 12


def _html(title: str, rows: Mapping[str, object]) -> str:
    """A table with two columns below a title, without style, so that it is readable light and dark."""
    cells = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th><td style='text-align:left'>{escape(str(value))}</td></tr>"
        for name, value in rows.items()
        if value not in ("", None, ())
    )
    return f"<table><caption style='text-align:left'><b>{escape(title)}</b></caption>{cells}</table>"


@dataclass(frozen=True, repr=False)
class Model:
    """An exact model: the bytes of its file, which are all that a verdict is about, and how they came to be.

    `configuration` says where the configuration is from that agreed with the weights: `"given"`, `"stored"` with them,
    or None; `assumed`, in words, what neither weights nor configuration told; `prepared`, what was folded or
    centred in the weights. The format of the file has no place for these three.
    """

    data: bytes = field(repr=False)
    configuration: str | None = None
    assumed: tuple[str, ...] = ()
    prepared: tuple[str, ...] = ()

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the file, in lower-case hexadecimal, which verdicts name."""
        return model_hash(self.data)

    @cached_property
    def parsed(self) -> ExactModel | Program:
        """The model as the checker reads it. Raises `checker.errors.Declined` for bytes that are none."""
        return parse_program(self.data) if self.data.startswith(PROGRAM) else parse_model(self.data)

    @property
    def task(self) -> str:
        """The task in words."""
        found = self.parsed
        return found.task if isinstance(found, ExactModel) else str(found.inputs.task)

    @property
    def inputs(self) -> str:
        """The set of inputs in words."""
        found = self.parsed
        if isinstance(found, ExactModel):
            return f"{found.positions} tokens below {found.vocabulary}"
        return str(found.inputs)

    @cached_property
    def total(self) -> int:
        """The number of inputs; for a program whose task has no label for some, they are listed to be counted."""
        found = self.parsed
        total: int = found.total if isinstance(found, ExactModel) else found.inputs.count(Meter())
        return total

    def save(self, path: FilePath) -> None:
        """Write the file, whole or not at all. Raises `OSError`."""
        write_whole(Path(path), self.data)

    def __repr__(self) -> str:
        about = f"task {self.task}, inputs {self.inputs}"
        return f"<exact model {self.sha256[:HASH_SHOWN]}: {about}, {len(self.data)} bytes>"

    def _repr_html_(self) -> str:
        parsed = self.parsed
        rows = {
            "task": self.task,
            "inputs": self.inputs,
            "steps": str(parsed) if isinstance(parsed, Program) else "",
            "SHA-256": self.sha256,
            "bytes": f"{len(self.data):,}",
            "assumed": ", ".join(self.assumed),
            "prepared": ", ".join(self.prepared),
        }
        return _html("Exact model", rows)


@dataclass(frozen=True, repr=False)
class Certificate:
    """A certificate: the bytes of its file, and what its strategy says of it, which a check is yet to confirm.

    `correct` inputs are claimed to be right; the check takes `operations` of exact arithmetic (`docs/operations.md`).
    """

    data: bytes = field(repr=False)
    strategy: str
    correct: int
    operations: int
    machine_operations: int
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, proof: Proof, strategy: str) -> "Certificate":
        """The certificate of a proof."""
        numbers = proof.correct, proof.operations, proof.machine_operations
        return cls(proof.certificate, strategy, *numbers, proof.notes)

    def save(self, path: FilePath) -> None:
        """Write the file, whole or not at all. Raises `OSError`."""
        write_whole(Path(path), self.data)

    def __repr__(self) -> str:
        claim = f"claims {self.correct} correct inputs in {self.operations} operations"
        return f"<certificate by {self.strategy}: {claim}, {len(self.data)} bytes, yet to be checked>"

    def _repr_html_(self) -> str:
        rows = {
            "strategy": self.strategy,
            "claimed correct": f"{self.correct:,}",
            "operations": f"{self.operations:,}",
            "bytes": f"{len(self.data):,}",
            "notes": ", ".join(self.notes),
        }
        return _html("Certificate, yet to be checked", rows)


@dataclass(repr=False)
class Verdict(checker.Verdict):
    """The kernel's verdict, with its claim as a number and without a truth value.

    `kernel` says who found it: `"python"`, `"coq"` for the verified checker, which tells less, or `"both"`.
    """

    kernel: str = "python"

    @classmethod
    def of(cls, found: checker.Verdict, reason: str, kernel: str = "python") -> "Verdict":
        """A verdict of the Python kernel, with its reason in other words."""
        return cls(**{**vars(found), "reason": reason, "kernel": kernel})

    @classmethod
    def of_verified(cls, found: VerifiedVerdict, reason: str, sizes: tuple[int, int]) -> "Verdict":
        """A verdict of the verified checker on files of so many bytes."""
        return cls(
            verdict=found.verdict,
            reason=reason,
            correct_at_least=found.correct_at_least,
            total=found.total,
            share=percentage(found.correct_at_least, found.total) if found.verdict == "accepted" else "",
            model_sha256=found.model_sha256,
            model_bytes=sizes[0],
            certificate_bytes=sizes[1],
            kernel="coq",
        )

    @property
    def accepted(self) -> bool:
        """Whether the claim is established. If not, nothing is known of the model."""
        return self.verdict == "accepted"

    @property
    def bound(self) -> Fraction:
        """The share of all inputs that is proved to be right, exactly; 0 unless the certificate is accepted."""
        return Fraction(self.correct_at_least, self.total) if self.accepted and self.total else Fraction(0)

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict is neither true nor false: ask for .accepted, and how much it proves for .bound")

    def __str__(self) -> str:
        if self.accepted and self.kernel == "coq":
            claim = f"at least {self.correct_at_least} of {self.total} inputs ({self.share}) are classified correctly"
            return f"accepted: {claim}, model {self.model_sha256}, by the verified checker"
        return super().__str__() + (", by both kernels" if self.kernel == "both" and self.accepted else "")

    def __repr__(self) -> str:
        if not self.accepted:
            return f"<{self.verdict}: {self.reason}>"
        return f"<accepted: {self.statement or self.counted()}, model {self.model_sha256[:HASH_SHOWN]}>"

    def _repr_html_(self) -> str:
        rows: dict[str, object] = {"reason": self.reason}
        if self.accepted:
            rows = {
                "statement": "" if self.kind in ("", "count") else self.statement,
                "correct at least": f"{self.correct_at_least:,} of {self.total:,} inputs ({self.share})",
                "task": self.task,
                "inputs": self.inputs or (f"{self.positions} tokens below {self.tokens}" if self.tokens else ""),
                "margin above": "" if self.margin in ("", "0") else self.margin,
                "operations": f"{self.operations:,}" if self.operations else "",
                "unverified rules": ", ".join(self.unverified_rules),
                "kernel": self.kernel,
            }
        return _html(f"Verdict: {self.verdict}", {**rows, "model SHA-256": self.model_sha256})
