"""A user's script is checked with the types of this package: `mypy --strict` sees them, and none of them is `Any`."""

import subprocess
import sys
from pathlib import Path

SCRIPT = '''
from collections.abc import Mapping
from fractions import Fraction

import torch

import compact_proofs
from compact_proofs import Certificate, Model, Verdict, check, evaluate, export, prove, strategies
from compact_proofs.strategy import Check, Group, Option, Proof, Prover


class Toy(torch.nn.Module):
    """Any module."""


def mine(model: bytes, budget: int | None) -> Proof:
    prover = Prover(model)
    option = prover.option(Group(0, 0, 0, 0, (Check("levels", prover.bits, 1, 0, None, ()),)))
    reveal_type(option)
    reveal_type(prover.model.vocabulary)
    return prover.proof([option.group] if option else [])


def run(weights: Mapping[str, torch.Tensor]) -> Fraction:
    for source in ("weights.pt", Toy(), weights):
        reveal_type(export(source, task="max", positions=2))
    model = export(weights, config={"n_layers": 1}, tokens="0-5 x3")
    model.save("model")
    certificate = prove(model, mine, budget=1000)
    verdict = check(model, certificate, kernel="both")
    reveal_type(model)
    reveal_type(model.total)
    reveal_type(model.prepared)
    reveal_type(certificate)
    reveal_type(certificate.operations)
    reveal_type(verdict)
    reveal_type(verdict.accepted)
    reveal_type(verdict.correct_at_least)
    reveal_type(compact_proofs.__version__)
    reveal_type([answer.margin for answer in evaluate(model, [[1, 2, 3]])])
    reveal_type([strategy.name for strategy in strategies()])
    return verdict.bound
'''
REVEALED = [
    "certificates.prover.Option | None",
    "int",
    "compact_proofs.objects.Model",
    "compact_proofs.objects.Model",
    "int",
    "tuple[str, ...]",
    "compact_proofs.objects.Certificate",
    "int",
    "compact_proofs.objects.Verdict",
    "bool",
    "int",
    "str",
    "list[float | None]",
    "list[str]",
]
WRONG = {
    "compact_proofs.nothing": 'Module has no attribute "nothing"',
    "verdict.sound": '"Verdict" has no attribute "sound"',
    "prove(model, 3)": 'Argument 2 to "prove" has incompatible type "int"',
    'check(model, verdict, kernel="all")': 'Argument "kernel" to "check" has incompatible type',
    "export(3)": 'Argument 1 to "export" has incompatible type "int"',
}


def mypy(script: str, folder: Path, *options: str) -> str:
    (folder / "script.py").write_text(script)
    command = [sys.executable, "-m", "mypy", "--strict", "--disallow-any-expr", "--no-pretty", "--cache-dir", ".cache"]
    run = subprocess.run([*command, *options, "script.py"], cwd=folder, capture_output=True, text=True)
    return run.stdout + run.stderr


def test_a_users_script_sees_types(tmp_path: Path) -> None:
    wrong = "\n".join(f"    {line}" for line in WRONG)
    found = mypy(f"{SCRIPT}\n\ndef wrong(model: Model, verdict: Verdict) -> None:\n{wrong}\n", tmp_path)
    revealed = [line.split('is "')[1].rstrip('"') for line in found.splitlines() if "Revealed type" in line]
    assert [name.replace("builtins.", "") for name in revealed] == REVEALED
    errors = [line for line in found.splitlines() if ": error:" in line]
    first_wrong = SCRIPT.count("\n") + 4
    for number, (line, error) in enumerate(WRONG.items(), first_wrong):
        assert any(f"script.py:{number}: error: {error}" in found_error for found_error in errors), (line, found)
    assert all(int(error.split(":")[1]) >= first_wrong for error in errors), found
