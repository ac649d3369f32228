"""Strategies for short proofs: tables enclosed exactly or by low rank, groups by the search for boxes.

Each is a class of Gross et al. (arXiv 2406.11779, section 4 and appendix): what it does not compute is
what its class leaves out of the proof.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from certificates.boxes import BoxSearch
from certificates.hints import Shape, low_rank_table, table_paths
from certificates.prover import Proof, Prover
from checker.certificate import TABLES, Table
from checker.models.attention_only import ExactModel, parse_model
from checker.rules.margin import NO_MARGIN, Margin

# What an operation must buy, as a share of all inputs, where no budget is given.
DEFAULT_PRICE = 2.0**-24
LOWEST_PRICE = 2.0**-44
HIGHEST_PRICE = 2.0**-10
PRICE_STEPS = 9


class OverBudget(Exception):
    """No proof of this strategy is as short as the budget; the message tells the shortest found."""


@dataclass(frozen=True)
class Rank:
    """The rank of a hint: `constant`, plus `per_width` for each dimension of the residual stream."""

    constant: int = 0
    per_width: float = 0.0

    def of(self, width: int) -> int:
        return self.constant + round(self.per_width * width)


@dataclass(frozen=True)
class Cut:
    """How a table's path is cut into factors: `matrices` in each, and the rank of each one's hint."""

    matrices: tuple[int, ...]
    ranks: tuple[Rank, ...]


MEAN = Rank(constant=1)
MEAN_AND_ONE = Rank(constant=2)
EIGHTH, QUARTER, HALF = Rank(per_width=1 / 8), Rank(per_width=1 / 4), Rank(per_width=7 / 16)
LOW_RANK_QK = Cut((3, 1), (EIGHTH, MEAN))
QUADRATIC_QK = Cut((1, 2, 1), (MEAN_AND_ONE, QUARTER, MEAN_AND_ONE))
LOW_RANK_EU = Cut((1, 1), (QUARTER, MEAN))
LOW_RANK_OV = Cut((3, 1), (HALF, MEAN))

Cuts = Mapping[str, Cut]


def low_rank_tables(model: ExactModel, cuts: Cuts) -> tuple[Table, ...]:
    """The table claims of a certificate: low rank as `cuts` says, exact where it says nothing.

    Of the tables QK [query, token], OV [token, output] and EU [query, output], each is a product of matrices, which is
    cut into factors; of each factor a part of low rank is computed, and a bound of what that leaves (`docs/rules.md`,
    after Gross et al., arXiv 2406.11779, section 4 and appendix). The search for that part is in floating point.
    """
    paths = table_paths(model)
    tables: list[Table] = []
    for name in TABLES:
        if name not in cuts:
            tables.append(())
            continue
        cut, sizes = cuts[name], model.path_sizes(name)
        ranks, start = [], 0
        for matrices, rank in zip(cut.matrices, cut.ranks, strict=True):
            rows, columns = sizes[start], sizes[start + matrices]
            ranks.append(min(max(1, rank.of(model.width)), rows, columns))
            start += matrices
        tables.append(low_rank_table(paths[name], Shape(cut.matrices, tuple(ranks))))
    return tuple(tables)


class ShortProofs:
    """Short proofs of one model, by a margin, with its tables enclosed in one way, at any price of an operation."""

    def __init__(self, model_data: bytes, cuts: Cuts, margin: Margin = NO_MARGIN) -> None:
        model = parse_model(model_data)
        self.prover = Prover(model_data, low_rank_tables(model, cuts), margin=margin)
        self.search = BoxSearch(self.prover)

    def prove(self, price: float) -> Proof:
        """A proof at a price of an operation, a share of all inputs."""
        return self.prover.proof(self.search.groups(price))

    def within(self, budget: int) -> Iterator[Proof]:
        """Proofs of at most `budget` operations, at prices closer and closer to the lowest affordable."""
        low, high = LOWEST_PRICE, HIGHEST_PRICE
        price = low
        for _ in range(PRICE_STEPS):
            proof = self.prove(price)
            if proof.operations <= budget:
                high = price
                yield proof
            else:
                low = price
            if high == LOWEST_PRICE:
                break
            price = (low * high) ** 0.5


def prove_short(
    model_data: bytes, cuts: Cuts, budget: int | None, price: float, margin: Margin = NO_MARGIN
) -> Proof:
    """The best short proof: at `price` where there is no budget, within the budget where there is one.

    Raises `OverBudget` if nothing was found within the budget.
    """
    proofs = ShortProofs(model_data, cuts, margin)
    if budget is None:
        return proofs.prove(price)
    found = list(proofs.within(budget))
    if not found:
        shortest = proofs.prove(HIGHEST_PRICE).operations
        raise OverBudget(f"no proof within {budget} operations, the shortest found has {shortest}")
    return max(found, key=lambda proof: proof.rank)
