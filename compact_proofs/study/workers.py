"""Work done in parallel: by processes on this machine, or by the workers of a Dask cluster.

A cluster is Dask's own: this module only asks its scheduler. Its workers need the same version of
compact-proofs, and the output folder under the same path, on a file system that they share.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from compact_proofs.workers import worker_pool

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Workers:
    """Where work is done: so many processes, by default one per core, or where a Dask scheduler is, such as
    `tcp://10.0.0.1:8786`."""

    processes: int | None = None
    scheduler: str | None = None

    @contextmanager
    def executor(self) -> Iterator[Executor]:
        """An executor of `concurrent.futures`. Raises `ImportError` where a cluster needs Dask, and `OSError`
        where its scheduler does not answer or a process on this machine is killed."""
        if self.scheduler is None:
            with worker_pool(self.processes or os.cpu_count() or 1) as pool:
                yield pool
            return
        try:
            from distributed import Client  # type: ignore[import-not-found,unused-ignore]
        except ModuleNotFoundError:
            raise ImportError("a cluster needs Dask: pip install '.[cluster]' in a clone") from None
        with Client(self.scheduler) as client:  # type: ignore[no-untyped-call,unused-ignore]
            yield client.get_executor(pure=False)


def in_parallel(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    workers: Workers,
    starting: Callable[[str], None] = lambda step: None,
) -> list[Result]:
    """The results of `function` for the `tasks`, in their order. `starting` is called with how many of how many
    are done, at the start and whenever one is. The first error ends it all, and is raised."""
    starting(f"0 of {len(tasks)} done")
    with workers.executor() as executor:
        futures = [executor.submit(function, task) for task in tasks]
        try:
            for done, future in enumerate(as_completed(futures), 1):
                future.result()
                starting(f"{done} of {len(tasks)} done")
        except BaseException:
            for future in futures:
                future.cancel()
            raise
        return [future.result() for future in futures]
