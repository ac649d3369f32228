"""A check loads what it needs, and nothing that takes time besides."""

import subprocess
import sys
from pathlib import Path

import pytest

# What only other commands need: strategies, training, weights files, tables on terminals, formulas.
SLOW = {"certificates", "fuzzing", "matplotlib", "rich", "safetensors", "sympy", "torch", "zipfile"}

# Of the export, what names of tasks, errors and the writing of files need.
LIGHT = {"model_export.tasks", "model_export.errors", "model_export.output_files"}


def loaded(*command: object) -> set[str]:
    """The modules that a process of Python loads."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", *map(str, command)], capture_output=True, text=True, check=True
    )
    lines = [line for line in run.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize("program", [("checker",), ("compact_proofs", "check")])
def test_what_a_check_loads(program: tuple[str, ...], tiny_model: Path, tiny_certificate: Path) -> None:
    modules = loaded("-m", *program, tiny_model, tiny_certificate)
    assert {"checker.groups", "numpy", "flint"} <= modules
    assert not {module for module in modules if module.split(".")[0] in SLOW}
    assert {module for module in modules if module.startswith("model_export.")} <= LIGHT


def test_the_package_has_what_it_says() -> None:
    """Though each is loaded only when it is asked for."""
    script = (
        "import sys, compact_proofs; assert 'compact_proofs.commands' not in sys.modules\n"
        "from compact_proofs import *\n"
        "print(sorted(set(compact_proofs.__all__) - set(globals())), compact_proofs.commands.prove is prove)\n"
        "try: compact_proofs.nothing\n"
        "except AttributeError as error: print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "[] True\nmodule 'compact_proofs' has no attribute 'nothing'\n"
