"""The rules about groups, one line each, and the rules whose soundness is proved."""

from checker.rules.enumerate import ENUMERATE
from checker.rules.group_rule import GroupRule
from checker.rules.levels import LEVELS

GROUP_RULES: tuple[GroupRule, ...] = (
    LEVELS,
    ENUMERATE,
)
# The rules that have a machine-checked proof of soundness (`docs/verified_rules.md`).
VERIFIED_RULES = {
    *("embedding", "exact", "low_rank", "round", "scores", "exponential"),
    *("gaps", "weights", "last", "levels", "enumerate"),
    *("inputs", "evaluate"),
}


def group_rule(name: str) -> GroupRule:
    """The rule of that name."""
    [rule] = [rule for rule in GROUP_RULES if rule.name == name]
    return rule
