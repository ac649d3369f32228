"""The proof strategies by name."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from certificates.boxes import search_size
from certificates.brute_force import prove_brute_force
from certificates.evaluate import prove_evaluate
from certificates.exact import exact_proof
from certificates.progress import part
from certificates.prover import Proof
from certificates.sampling import prove_sample
from certificates.short import (
    DEFAULT_PRICE,
    LOW_RANK_EU,
    LOW_RANK_OV,
    LOW_RANK_QK,
    LOWEST_PRICE,
    QUADRATIC_QK,
    Cut,
    OverBudget,
    ShortProofs,
    prove_short,
)
from certificates.trivial import prove_trivial
from checker.models.attention_only import parse_model
from checker.rules.examine import PROGRAM
from checker.rules.margin import NO_MARGIN, Margin

# Up to so many inputs, times outputs, `auto` tries every one, and searches so many boxes, times ranges and outputs.
MAX_TRIED = 2**24
MAX_SEARCHED = 2**32
# About which share of the time of `auto` is that of `exact`, where that is not the end.
AUTO_EXACT = 0.3


# Turns the bytes of a model file, and a budget of operations or None, into a proof.
StrategyFunction = Callable[[bytes, int | None], Proof]
# The same, of inputs that are to be correct by more than a margin.
MarginFunction = Callable[[bytes, int | None, Margin], Proof]


@dataclass(frozen=True)
class Strategy:
    """A way to prove. Only strategies that are `budgeted` accept a budget, and only those with `by_margin` a margin."""

    name: str
    description: str
    prove: StrategyFunction
    budgeted: bool = False
    by_margin: MarginFunction | None = None


class UnknownStrategy(Exception):
    """No strategy has the given name, or it takes no budget or margin; the message says which there are."""


# The tables that each class of short proofs encloses by low rank.
CLASSES: dict[str, dict[str, Cut]] = {
    "sub-cubic": {},
    "low-rank-QK": {"QK": LOW_RANK_QK},
    "low-rank-EU": {"EU": LOW_RANK_EU},
    "low-rank-QK-EU": {"QK": LOW_RANK_QK, "EU": LOW_RANK_EU},
    "low-rank": {"QK": LOW_RANK_QK, "OV": LOW_RANK_OV, "EU": LOW_RANK_EU},
    "quadratic-QK": {"QK": QUADRATIC_QK},
    "quadratic-QK-low-rank-EU": {"QK": QUADRATIC_QK, "EU": LOW_RANK_EU},
}
DESCRIPTIONS = {
    "sub-cubic": "exact tables; groups of queries and outputs as coarse as will do",
    "low-rank-QK": "the same, with QK of low rank and its remainder bounded row by row",
    "low-rank-EU": "the same, with the direct path of low rank",
    "low-rank-QK-EU": "the same, with QK and the direct path of low rank",
    "low-rank": "the same, with all three tables of low rank",
    "quadratic-QK": "the same, with no product of the embedding with all of QK",
    "quadratic-QK-low-rank-EU": "the same, and the direct path of low rank",
}


def prove_auto(model_data: bytes, budget: int | None, margin: Margin) -> Proof:
    """The best bound that any strategy reaches within the budget.

    A proof by `exact` that counts every correct input is the best there is. Where it does not, the others are
    searched as well, as far as time allows (`MAX_SEARCHED`). Raises `OverBudget` if no strategy found a proof so short.
    """
    if model_data.startswith(PROGRAM):
        return prove_evaluate(model_data, margin)
    with part("auto", 0, AUTO_EXACT):
        exact = exact_proof(model_data, budget, margin)
    if exact.complete:
        return exact.proof
    within = budget is None or exact.proof.operations <= budget
    found, notes = [exact.proof] if within and exact.proof.correct else [], list[str]()
    model, searched = parse_model(model_data), 0
    if model.total * model.outputs <= MAX_TRIED:
        tried = prove_brute_force(model_data, margin)
        found += [tried] if budget is None or tried.operations <= budget else []
    for number, (name, cuts) in enumerate(CLASSES.items()):
        searched += search_size(model)
        if found and searched > MAX_SEARCHED:
            notes.append(f"{name} and what is below it in the list of strategies was not searched: too many boxes")
            break
        done = AUTO_EXACT + (1 - AUTO_EXACT) * number / len(CLASSES)
        with part("auto", done, done + (1 - AUTO_EXACT) / len(CLASSES)):
            proofs = ShortProofs(model_data, cuts, margin)
            found += [proofs.prove(LOWEST_PRICE)] if budget is None else proofs.within(budget)
    if not found:
        raise OverBudget(f"no strategy found a proof within {budget} operations")
    best = max(found, key=lambda proof: proof.rank)
    return replace(best, notes=(*best.notes, *notes))


def _short(name: str) -> Strategy:
    def prove(model_data: bytes, budget: int | None, margin: Margin) -> Proof:
        return prove_short(model_data, CLASSES[name], budget, DEFAULT_PRICE, margin)

    return _strategy(name, DESCRIPTIONS[name], prove, budgeted=True)


def _whole(name: str, description: str, prove: Callable[[bytes, Margin], Proof]) -> Strategy:
    return _strategy(name, description, lambda model_data, _, margin: prove(model_data, margin))


def _strategy(name: str, description: str, prove: MarginFunction, budgeted: bool = False) -> Strategy:
    return Strategy(
        name, description, lambda model_data, budget: prove(model_data, budget, NO_MARGIN), budgeted, prove
    )


# From simple to clever.
STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        _whole("trivial", "claim nothing about the model", prove_trivial),
        _whole("brute-force", "try every input against every output", prove_brute_force),
        _whole(
            "cubic",
            "exact tables; cases by query, label, largest token below it and number of labels",
            lambda model_data, margin: prove_short(model_data, {}, None, LOWEST_PRICE, margin),
        ),
        *map(_short, CLASSES),
        _whole(
            "exact",
            "decide every pair of query and label at once, count one by one what stays undecided",
            lambda model_data, margin: exact_proof(model_data, None, margin).proof,
        ),
        _strategy("auto", "the best bound of any strategy within a budget", prove_auto, budgeted=True),
    )
}

# For models of version 2.
# For each version of models, the strategy that tries every input.
EVERY_INPUT = {1: "brute-force", 2: "evaluate"}
PROGRAM_STRATEGIES: dict[str, Strategy] = {
    "evaluate": _whole("evaluate", "enclose the logits of every input, step by step", prove_evaluate),
    "auto": STRATEGIES["auto"],
}


# A statement of another kind, about models of either version.
STATISTICAL: dict[str, Strategy] = {
    "sample": Strategy(
        "sample",
        "statistical: inputs drawn by SHA-256, and a lower bound of Clopper and Pearson for those not certified",
        lambda model_data, _: prove_sample(model_data),
    )
}


def prove(model_data: bytes, strategy: str, budget: int | None = None) -> bytes:
    """The certificate of `find_proof`."""
    return find_proof(model_data, strategy, budget).certificate


def find_proof(
    model_data: bytes, strategy: str, budget: int | None = None, margin: Margin = NO_MARGIN
) -> Proof:
    """The proof that the strategy of this name finds for a model, within a budget of operations, of inputs that are
    correct by more than a margin.

    Raises `UnknownStrategy`, `OverBudget` where the budget is too small, and
    `checker.errors.Declined` where the model file is malformed or the proof would be over a limit of
    the checker.
    """
    version, strategies, others = 1, STRATEGIES, PROGRAM_STRATEGIES
    if model_data.startswith(PROGRAM):
        version, strategies, others = 2, PROGRAM_STRATEGIES, STRATEGIES
    strategies = strategies | STATISTICAL
    if strategy not in strategies:
        known = ", ".join(strategies)
        if strategy in others:
            other = f"strategy {strategy!r} is for models of version {3 - version}"
            raise UnknownStrategy(f"{other}; every input is tried by {EVERY_INPUT[version]!r}; there are: {known}")
        raise UnknownStrategy(f"strategy {strategy!r} is unknown; there are: {known}")
    if budget is not None and not strategies[strategy].budgeted:
        known = ", ".join(name for name, found in strategies.items() if found.budgeted)
        raise UnknownStrategy(f"strategy {strategy!r} takes no budget; these do: {known}")
    return proof_by(strategies[strategy], model_data, budget, margin)


def proof_by(
    strategy: Strategy, model_data: bytes, budget: int | None, margin: Margin = NO_MARGIN
) -> Proof:
    """The proof by a strategy, whoever wrote it. Raises `OverBudget` if it is longer than the budget, and
    `UnknownStrategy` for a margin that it does not take."""
    if margin == NO_MARGIN:
        proof = strategy.prove(model_data, budget)
    elif strategy.by_margin is not None:
        proof = strategy.by_margin(model_data, budget, margin)
    else:
        raise UnknownStrategy(f"strategy {strategy.name!r} takes no margin")
    if budget is not None and proof.operations > budget:
        raise OverBudget(f"no proof within {budget} operations, that of {strategy.name} has {proof.operations}")
    return proof
