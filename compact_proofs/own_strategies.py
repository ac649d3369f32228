"""Strategies that are not part of this package: functions by the name of their module, and those of other packages.

They are imported when somebody proves with them, and never by a check.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from traceback import extract_tb

from certificates.prover import Proof
from certificates.short import OverBudget
from certificates.strategies import Strategy, StrategyFunction, UnknownStrategy
from checker.errors import Declined

# Other packages list functions, or objects of `Strategy`, under this group of entry points.
GROUP = "compact_proofs.strategies"


def strategy_of(function: StrategyFunction, name: str = "") -> Strategy:
    """A strategy that is a function, by its own name if no other is given. It may use a budget or not."""
    own = name or getattr(function, "__name__", type(function).__name__)
    description = (getattr(function, "__doc__", None) or "a strategy without a description").strip().splitlines()[0]

    def prove(model_data: bytes, budget: int | None) -> Proof:
        try:
            found = function(model_data, budget)
        except (Declined, OverBudget, UnknownStrategy):
            raise
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}".replace("\n", " ")
            raise UnknownStrategy(f"strategy {own!r} failed{_place(error)}: {wrong}") from error
        if not isinstance(found, Proof):
            raise UnknownStrategy(f"strategy {own!r} returned a {type(found).__name__}, expected a Proof")
        return found

    return Strategy(own, description.rstrip("."), prove, budgeted=True)


def _place(error: Exception) -> str:
    """Where in the file of a strategy it failed, in words."""
    below = extract_tb(error.__traceback__)[1:]
    lines = [frame.lineno for frame in below if frame.filename == below[0].filename]
    return f" in {Path(below[0].filename).name}, line {lines[-1]}" if below else ""


def installed_strategies() -> dict[str, Strategy]:
    """The strategies of other packages by name; each is imported only when it is to prove something."""
    found = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        package = f"the package {point.dist.name}" if point.dist else "another package"
        prove = _loaded(point.name, point.load)
        found[point.name] = Strategy(point.name, f"of {package}", prove, budgeted=True)
    return found


def own_strategy(name: str) -> Strategy | None:
    """The strategy that `name`, a MODULE:FUNCTION or that of an entry point, stands for; None for any other name.

    Modules are looked for in the working directory, too. Raises `UnknownStrategy` where there is no such function.
    """
    module, colon, function = name.partition(":")
    if not colon:
        return installed_strategies().get(name)
    try:
        with _working_directory():
            found = getattr(import_module(module), function)
    except (ModuleNotFoundError, AttributeError, ValueError) as error:
        missing = getattr(error, "name", None)
        if isinstance(error, ModuleNotFoundError) and missing != module.partition(".")[0] and missing != module:
            raise  # something that the module needs
        raise UnknownStrategy(f"strategy {name!r}: {error}; expected MODULE:FUNCTION") from error
    return _strategy(name, found)


def _strategy(name: str, found: object) -> Strategy:
    if isinstance(found, Strategy):
        return found
    if not callable(found):
        raise UnknownStrategy(f"strategy {name!r}: a {type(found).__name__}, expected a function")
    return strategy_of(found, name)


def _loaded(name: str, load: Callable[[], object]) -> StrategyFunction:
    return lambda model_data, budget: _strategy(name, load()).prove(model_data, budget)


@contextmanager
def _working_directory() -> Iterator[None]:
    """Modules beside the user are found, as by `python -m`, after all others."""
    sys.path.append("")
    try:
        yield
    finally:
        sys.path.remove("")
