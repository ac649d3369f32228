"""Certificates of model performance: the commands of `compact-proofs` as functions.

    from compact_proofs import check, export, prove

    export("models/tiny.safetensors", "tiny.model")
    prove("tiny.model", "exact", "tiny.certificate")
    print(check("tiny.model", "tiny.certificate"))

Every function takes and writes files, because files are what a stranger checks. What they raise is
listed in `ERRORS`, each with a message of one line.
"""

from compact_proofs.own_packages import require_own_packages

require_own_packages()

from compact_proofs.commands import (  # noqa: E402
    ERRORS,
    check,
    evaluate,
    export,
    fuzz,
    prove,
    strategies,
    theorem,
    train,
)
from compact_proofs.demonstration import demo  # noqa: E402

__all__ = ["ERRORS", "check", "demo", "evaluate", "export", "fuzz", "prove", "strategies", "theorem", "train"]
