"""Certificates of model performance: the commands of `compact-proofs` as functions.

    from compact_proofs import check, export, prove

    export("models/tiny.safetensors", "tiny.model")
    prove("tiny.model", "exact", "tiny.certificate")
    print(check("tiny.model", "tiny.certificate"))

Every function takes and writes files, because files are what a stranger checks. What they raise is
listed in `ERRORS`, each with a message of one line.
"""

from typing import TYPE_CHECKING, Any

from compact_proofs.own_packages import require_own_packages

require_own_packages()

from compact_proofs.lazy import lazy_module  # noqa: E402

if TYPE_CHECKING:
    from compact_proofs.commands import (
        ERRORS,
        check,
        distribution,
        evaluate,
        export,
        fuzz,
        prove,
        sample,
        strategies,
        theorem,
        train,
    )
    from compact_proofs.demonstration import demo

__all__ = [
    "ERRORS",
    "check",
    "demo",
    "distribution",
    "evaluate",
    "export",
    "fuzz",
    "prove",
    "sample",
    "strategies",
    "theorem",
    "train",
]


def __getattr__(name: str) -> Any:
    """One of the names above, from its module, which is loaded only then."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "demonstration" if name == "demo" else "commands"
    return getattr(lazy_module(f"{__name__}.{module}"), name)
