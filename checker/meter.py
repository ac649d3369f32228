"""Proof length, counted in scalar operations (`docs/operations.md`).

`operations` counts what a verifier in exact real arithmetic does for a rule: every multiplication,
addition, subtraction, comparison, division, square root and exponential counts one.
`machine_operations` counts the integer operations of this kernel for the same rule, both ends of every
enclosure included.
"""

from checker.errors import Declined

MAX_OPERATIONS = 2**36
MAX_BRANCHES = 2**24


class Meter:
    """Adds up operations by rule, and declines a proof that is too long."""

    def __init__(self) -> None:
        self.by_rule: dict[str, int] = {}
        self.machine_operations = self.branches = 0

    def add(self, rule: str, operations: int, machine_operations: int | None = None, branches: int = 0) -> None:
        """Call before the work is done, so that an excessive request is declined at once.

        `machine_operations` is by default the same as `operations`; `branches` counts branches of a
        search, which take much more time than their operations alone.
        """
        self.by_rule[rule] = self.by_rule.get(rule, 0) + operations
        self.machine_operations += operations if machine_operations is None else machine_operations
        self.branches += branches
        if max(self.operations, self.machine_operations) > MAX_OPERATIONS:
            raise Declined(f"{rule}: proof longer than max_operations = {MAX_OPERATIONS}")
        if self.branches > MAX_BRANCHES:
            raise Declined(f"{rule}: more branches than max_branches = {MAX_BRANCHES}")

    operations = property(lambda self: sum(self.by_rule.values()))
