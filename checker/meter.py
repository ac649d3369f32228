"""Proof length, counted in scalar operations.

`operations` counts what a verifier in exact real arithmetic does for a rule: every multiplication,
addition, subtraction, comparison, division, square root and exponential counts one. `machine_operations` counts
the integer operations of this kernel for the same rule, both ends of every enclosure included.
"""

from checker.errors import Declined

MAX_OPERATIONS = 2**36


class Meter:
    """Adds up operations by rule, and declines a proof that is longer than MAX_OPERATIONS."""

    def __init__(self) -> None:
        self.by_rule: dict[str, int] = {}
        self.machine_operations = 0

    def add(self, rule: str, operations: int, machine_operations: int) -> None:
        """Call before the work is done, so that an excessive request is declined at once."""
        self.by_rule[rule] = self.by_rule.get(rule, 0) + operations
        self.machine_operations += machine_operations
        if max(self.operations, self.machine_operations) > MAX_OPERATIONS:
            raise Declined(f"{rule}: proof longer than max_operations = {MAX_OPERATIONS}")

    @property
    def operations(self) -> int:
        return sum(self.by_rule.values())

