"""One colour and one marker for each strategy, in every picture: colours that remain different to the colour-blind.

No two strategies share a marker, so that pictures without colour can be read as well. Proofs with exact tables that
leave no group out are black. Strategies of somebody else take what is left, in the order in which they come.
"""

from collections.abc import Iterable

Style = tuple[str, str]

STYLES: dict[str, Style] = {
    "low-rank-QK-EU": ("#0072B2", "o"),
    "low-rank": ("#E69F00", "s"),
    "quadratic-QK-low-rank-EU": ("#009E73", "^"),
    "low-rank-QK": ("#CC79A7", "D"),
    "low-rank-EU": ("#56B4E9", "v"),
    "quadratic-QK": ("#D55E00", "<"),
    "sub-cubic": ("#661100", ">"),
    "cubic": ("black", "p"),
    "exact": ("black", "*"),
    "brute-force": ("black", "h"),
}
OTHERS: tuple[Style, ...] = (("#882255", "X"), ("#999933", "P"), ("#332288", "d"), ("grey", "8"))
LONG_PROOFS = {name for name, (colour, _) in STYLES.items() if colour == "black"}
# What is no strategy has markers that no strategy has.
STAGES: tuple[Style, ...] = (("#888888", "1"), ("#0072B2", "2"), ("#D55E00", "3"))
CIRCUITS: tuple[Style, ...] = (("#44AA99", "4"), ("#AA4499", "|"), ("#DDCC77", "_"))


def styles(strategies: Iterable[str]) -> dict[str, Style]:
    """Colour and marker of each strategy."""
    names = list(strategies)
    own = [name for name in dict.fromkeys(names) if name not in STYLES]
    others = {name: OTHERS[min(i, len(OTHERS) - 1)] for i, name in enumerate(own)}
    return {name: STYLES.get(name) or others[name] for name in names}
