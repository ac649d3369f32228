"""A filter for Cosmic Ray: leaves what mutmut does not change, which is code outside of functions and functions
with decorators."""

import sys
from argparse import Namespace

from cosmic_ray.tools.filters.filter_app import FilterApp
from cosmic_ray.work_db import WorkDB
from cosmic_ray.work_item import WorkerOutcome, WorkResult

DECORATED = ("weights",)


class OutsideFunctions(FilterApp):
    def description(self) -> str:
        return __doc__ or ""

    def filter(self, work_db: WorkDB, args: Namespace) -> None:
        for item in work_db.pending_work_items:
            names = [mutation.definition_name or "" for mutation in item.mutations]
            # Classes are the only definitions that begin with a capital letter.
            if not all(name in DECORATED or name[:1].isupper() or not name for name in names):
                work_db.set_result(item.job_id, WorkResult(WorkerOutcome.SKIPPED, output="inside a function"))


if __name__ == "__main__":
    sys.exit(OutsideFunctions().main(sys.argv[1:]))
