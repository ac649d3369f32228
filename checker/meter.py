"""Proof length, counted in scalar operations (`docs/operations.md`).

`operations` counts what a verifier in exact real arithmetic does for a rule: every multiplication,
addition, subtraction, comparison, division, square root and exponential counts one.
`machine_operations` prices what this kernel does for the same rule, both ends of every enclosure included:
one for an operation on 64-bit integers in an array, and more for what takes more time.
"""

from checker.errors import Declined

MAX_OPERATIONS = 2**32
# For models of version 2, whose inputs are tried: up to about two minutes.
MAX_PROGRAM_OPERATIONS = 2**35
# The price of a step that Python interprets, about half a microsecond.
PYTHON = 256


class Meter:
    """Adds up operations by rule, and declines a proof that is too long."""

    def __init__(self) -> None:
        self.limit, self.limit_name = MAX_OPERATIONS, "max_operations"
        self.by_rule: dict[str, int] = {}
        self.operations = self.machine_operations = 0

    def add(self, rule: str, operations: int, machine_operations: int) -> None:
        """Call before the work is done, so that an excessive request is declined at once."""
        self.by_rule[rule] = self.by_rule.get(rule, 0) + operations
        self.operations += operations
        self.machine_operations += machine_operations
        if max(self.operations, self.machine_operations) > self.limit:
            raise Declined(f"{rule}: proof longer than {self.limit_name} = {self.limit}")
