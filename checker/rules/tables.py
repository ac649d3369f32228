"""The rules about tables, one line each."""

from checker.certificate import Table
from checker.rules.exact import EXACT
from checker.rules.low_rank import LOW_RANK
from checker.rules.table_rule import TableRule

TABLE_RULES: tuple[TableRule, ...] = (
    EXACT,
    LOW_RANK,
)


def table_rule(table: Table) -> TableRule:
    """The rule that a certificate has chosen for a table."""
    return LOW_RANK if table else EXACT
