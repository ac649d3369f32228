"""Has Coq prove, for each shipped model or for those that are named, how many inputs it gets right:

    python verified/theorems.py [MODEL...]

The files go to verified/_build/theorems. Prints the time and memory that `coqc` took, and fails if a theorem
is not proved or assumes more than `check_assumptions` allows.
"""

import os
import subprocess
import sys
from pathlib import Path

from compact_proofs import export, prove, theorem
from compact_proofs.shipped import shipped_model, shipped_models
from compact_proofs.terminal import print_table

PROOFS = Path(__file__).resolve().parent
FILES = PROOFS / "_build" / "theorems"
STRATEGY = "exact"


def compiled(file: Path) -> tuple[float, float]:
    """Compile a theorem, with what it prints beside it; the processor time in seconds and the memory in MB.

    Raises `SystemExit` if Coq does not accept it.
    """
    command = ["coqc", "-q", "-Q", str(PROOFS), "CompactProofs", str(file)]
    with open(file.with_suffix(".txt"), "wb") as output:
        process = subprocess.Popen(command, stdout=output)
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{file}: not proved")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1000


def proved(model: str) -> list[str]:
    """The row of a shipped model: its counts, and what the proof of them took."""
    exact_model, certificate = FILES / f"{model}.model", FILES / f"{model}.certificate"
    file = FILES / f"{model.replace('-', '_')}.v"
    export(shipped_model(model), exact_model)
    prove(exact_model, STRATEGY, certificate)
    verdict = theorem(exact_model, certificate, file)
    if verdict.verdict != "accepted":
        raise SystemExit(f"{model}: {verdict.verdict}: {verdict.reason}")
    seconds, memory = compiled(file)
    subprocess.run([PROOFS / "check_assumptions", file.with_suffix(".txt")], check=True, stdout=subprocess.DEVNULL)
    return [model, f"{verdict.correct_at_least:,}", f"{verdict.total:,}", f"{seconds:.1f}", f"{memory:.0f}"]


def main() -> None:
    FILES.mkdir(parents=True, exist_ok=True)
    rows = [proved(model) for model in sys.argv[1:] or shipped_models()]
    print_table(["model", "correct at least", "of all", "coqc s", "MB"], rows, words=("model",))
    print(f"\nProved by Coq in {FILES}; each assumes what verified/README.md names.")


if __name__ == "__main__":
    main()
