"""The proof strategies by name."""

from collections.abc import Callable
from dataclasses import dataclass

from certificates.brute_force import prove_brute_force
from certificates.exact import prove_exact
from certificates.trivial import prove_trivial


@dataclass(frozen=True)
class Strategy:
    """A way to prove: `prove` turns the bytes of a model file into those of a certificate file."""

    name: str
    description: str
    prove: Callable[[bytes], bytes]


class UnknownStrategy(Exception):
    """No strategy has the given name; the message lists those that there are."""


STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        Strategy("trivial", "claim nothing about the model", prove_trivial),
        Strategy(
            "exact",
            "decide every pair of query and label at once, count one by one what stays undecided",
            prove_exact,
        ),
        Strategy("brute-force", "try every input against every output", prove_brute_force),
    )
}


def prove(model_data: bytes, strategy: str) -> bytes:
    """The certificate that the strategy of this name finds for a model.

    Raises `UnknownStrategy`, and `checker.errors.Declined` where the model file is malformed or the
    proof would be over a limit of the checker.
    """
    if strategy not in STRATEGIES:
        known = ", ".join(STRATEGIES)
        raise UnknownStrategy(f"strategy {strategy!r} is unknown; there are: {known}")
    return STRATEGIES[strategy].prove(model_data)
