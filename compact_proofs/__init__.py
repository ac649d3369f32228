"""Certificates of model performance: the commands of `compact-proofs` as functions.

    from compact_proofs import check, export, prove

    model = export("models/tiny.safetensors")
    certificate = prove(model, "exact")
    verdict = check(model, certificate)
    print(verdict.accepted, verdict.bound)

Models, certificates and verdicts are objects, whose bytes are those of the files that a stranger checks: all functions
take the names of files as well. Weights are files, or a `HookedTransformer`, a `TransformerBridge`, another
`torch.nn.Module` or a state dictionary in memory. What the functions raise is listed in `ERRORS`, each with a message
of one line.
"""

from typing import TYPE_CHECKING

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
    from compact_proofs.objects import Certificate, Model, Verdict

    __version__: str

__all__ = [
    "ERRORS",
    "Certificate",
    "Model",
    "Verdict",
    "__version__",
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
# The modules of names that are in another one than the others.
MODULES = {"demo": "demonstration", "Certificate": "objects", "Model": "objects", "Verdict": "objects"}


def __dir__() -> list[str]:
    """The names above, for whoever completes them."""
    return __all__


# Not seen by type checkers, for which every name would be there.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """One of the names above, from its module, which is loaded only then."""
        if name == "__version__":
            from importlib.metadata import version  # takes a while, and little needs it

            return version("compact-proofs")
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(lazy_module(f"{__name__}.{MODULES.get(name, 'commands')}"), name)
