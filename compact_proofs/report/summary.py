"""The facts about models as plain values, for JSON, and as tables, for a terminal."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from compact_proofs.report.collect import Subject
from compact_proofs.report.facts import ModelFacts
from compact_proofs.report.proofs import Proof, best

# Rows of a table at most, and singular values of a matrix.
SHOWN = 10


def as_object(subject: Subject) -> dict[str, Any]:
    """What JSON says of a model: numbers and names, without matrices."""
    facts = subject.facts
    return {
        "model": facts.name,
        "file": facts.path,
        "sha256": facts.sha256,
        "bytes": len(facts.data),
        "task": facts.task,
        "inputs": facts.inputs,
        "sizes": facts.sizes,
        "tensors": {name: list(shape) for name, shape in facts.tensors.items()},
        "singular_values": {matrix.name: matrix.singular_values[: matrix.rank].tolist() for matrix in facts.matrices},
        "margins": {
            "inputs": len(facts.margins.values),
            "every_input": facts.margins.every_input,
            "right": facts.margins.right,
            "quantiles": {f"{share:g}": finite(value) for share, value in facts.margins.quantiles.items()},
        },
        "note": facts.note,
        "wrong_found": facts.wrong_found,
        "wrong": [{**asdict(one), "margin": finite(one.margin)} for one in facts.wrong],
        "certificates": [_proof(proof) for proof in subject.proofs],
    }


def finite(number: float) -> float | None:
    """A number that JSON has, or None."""
    return number if abs(number) < float("inf") else None


def _proof(proof: Proof) -> dict[str, Any]:
    return {
        "name": proof.name,
        "strategy": proof.strategy,
        "sha256": proof.sha256,
        "commands": proof.commands,
        # All but the seconds, which are never the same twice.
        "verdict": {key: value for key, value in asdict(proof.verdict).items() if key != "seconds"},
        "left_out": [asdict(one) for one in proof.lost],
    }


@dataclass(frozen=True)
class Table:
    """A table with a line above it; columns in `words` are text."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    words: tuple[str, ...] = ()


def tables(subject: Subject) -> Iterator[Table]:
    """The facts about a model, as a terminal shows them."""
    facts, found = subject.facts, best(subject.proofs)
    note = f"; nothing is said in floating point: {facts.note}" if facts.note else ""
    yield Table(
        f"{facts.name}: task {facts.task}, inputs {facts.inputs}, sha256 {facts.sha256}{note}",
        ["tensor", "rows", "columns"],
        [[name, f"{rows:,}", f"{columns:,}"] for name, (rows, columns) in facts.tensors.items()],
        ("tensor",),
    )
    if facts.matrices:
        yield _singular_values(facts)
    if facts.margins.quantiles:
        yield _margins(facts)
    if subject.proofs:
        yield _verdicts(subject)
    if found and found.lost:
        yield _left_out(found)
    if facts.wrong:
        yield _wrong(facts)


def _singular_values(facts: ModelFacts) -> Table:
    rows = [
        [matrix.name, str(matrix.rank), " ".join(f"{x:.3g}" for x in matrix.singular_values[: min(matrix.rank, SHOWN)])]
        for matrix in facts.matrices
    ]
    columns = ["matrix", "rank", "singular values"]
    return Table("The largest singular values, but for rounding errors:", columns, rows, ("matrix", "singular values"))


def _margins(facts: ModelFacts) -> Table:
    margins = facts.margins
    which = "all" if margins.every_input else "random"
    title = f"Margins in logits of {which} {len(margins.values):,} inputs, of which {margins.right:,} are above 0:"
    quantiles = margins.quantiles
    return Table(title, [f"{share:g}" for share in quantiles], [[f"{value:.4g}" for value in quantiles.values()]])


def _verdicts(subject: Subject) -> Table:
    rows = []
    for proof in subject.proofs:
        verdict = proof.verdict
        numbers = [f"{verdict.correct_at_least:,}", verdict.share] if proof.counts else ["", verdict.kind]
        rows.append([proof.name, verdict.verdict, *numbers, f"{verdict.operations:,}"])
    columns = ["certificate", "verdict", "correct", "of all", "operations"]
    return Table("Verdicts:", columns, rows, ("certificate", "verdict"))


def _left_out(proof: Proof) -> Table:
    lost = sum(one.lost for one in proof.lost)
    rows = [
        [
            str(one.label),
            str(one.first_query) if one.first_query == one.last_query else f"{one.first_query}-{one.last_query}",
            f"{one.inputs:,}",
            f"{one.lost:,}",
            " ".join(map(str, one.outputs[:SHOWN])) + (" ..." if len(one.outputs) > SHOWN else ""),
        ]
        for one in proof.lost[:SHOWN]
    ]
    title = f"{proof.name} leaves inputs out: {lost:,}, in this number of groups: {len(proof.lost):,}; the largest:"
    return Table(title, ["label", "queries", "inputs", "lost", "outputs that win"], rows, ("outputs that win",))


def _wrong(facts: ModelFacts) -> Table:
    rows = [
        [
            ",".join(map(str, one.input)),
            ",".join(map(str, one.label)),
            ",".join(map(str, one.answer)),
            f"{one.margin:.4g}",
            "certain" if one.confirmed else "in floating point",
        ]
        for one in facts.wrong[:SHOWN]
    ]
    title = f"Wrong inputs found{', of all' if facts.margins.every_input else ''}: {facts.wrong_found:,}; the worst:"
    return Table(title, ["input", "label", "answer", "margin", "wrong"], rows, ("input", "wrong"))
