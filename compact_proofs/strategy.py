"""What a strategy of your own is made of (`docs/tutorial_strategy.md`).

A strategy is a function of the bytes of a model file and a budget, which returns a `Proof`:

    def my_strategy(model: bytes, budget: int | None) -> Proof

`Prover` holds the model, whose tables it encloses exactly, or by low rank as `low_rank_tables` says for one of
`CLASSES`, and asks the kernel what it finds of a `Group` of inputs with its `Check`s, before there is a certificate;
`Option` is its answer. `Ledger` collects groups, and `Proof` is what it writes. Whatever a strategy does, nothing of it
is trusted. Where it can do no better it may return what it has: what is not claimed is not counted.

The groups are those of `docs/rules.md`. The idea of proofs by cases of the largest token is that of Gross et al.
(arXiv 2406.11779, section 4); that terms add up over positions is in `docs/semantics.md`.
"""

from certificates.prover import DEEP, NORMAL, Ledger, Option, Precision, Proof, Prover
from certificates.short import OverBudget, low_rank_tables
from certificates.strategies import CLASSES, Strategy, StrategyFunction
from checker.certificate import Check, Group
from checker.errors import Declined
from checker.models.attention_only import ExactModel, parse_model

__all__ = [
    "CLASSES",
    "DEEP",
    "NORMAL",
    "Check",
    "Declined",
    "ExactModel",
    "Group",
    "Ledger",
    "Option",
    "OverBudget",
    "Precision",
    "Proof",
    "Prover",
    "Strategy",
    "StrategyFunction",
    "low_rank_tables",
    "parse_model",
]
