"""A run of the fuzzer in several processes, each with a seed of its own."""

import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from compact_proofs.workers import end, end_with_parent
from fuzzing.campaign import Campaign, Totals, nothing


@dataclass(frozen=True)
class Run:
    """What is to be done: so many mutants or so many seconds, in so many processes."""

    seed: int
    jobs: int
    mutants: int | None
    seconds: float | None
    failures: Path
    database: Path | None

    def campaign(self, job: int, report: Callable[[Totals], None]) -> Campaign:
        """The share of one process."""
        share = None
        if self.mutants is not None:
            share = self.mutants // self.jobs + (job < self.mutants % self.jobs)
        return Campaign(self.seed + job, share, self.seconds, self.failures, self.database, report)


def cores() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def broken(job: int, reason: str) -> Totals:
    """A process that ended for a reason of its own, which is a failure as well."""
    failure = {"kind": "broken", "message": f"process {job}: {reason}", "source": "", "mutation": "", "folder": ""}
    return Totals(failures=[failure])


def work(run: Run, job: int, connection: Connection) -> None:
    """The share of one process, which reports what it has done so far again and again, and at the end."""
    end_with_parent()
    try:
        connection.send((False, run.campaign(job, lambda totals: connection.send((False, totals))).run()))
    except Exception:
        connection.send((True, broken(job, traceback.format_exc())))
    connection.close()


def fuzz(run: Run, report: Callable[[Totals], None] = nothing) -> Totals:
    """The totals of all processes. With one job, all is done in this process."""
    if run.jobs == 1:
        return run.campaign(0, report).run()
    context, start = get_context("spawn"), time.perf_counter()
    processes: list[BaseProcess] = []
    jobs: dict[Connection, int] = {}
    latest, lost = [Totals() for _ in range(run.jobs)], Totals()
    try:
        for job in range(run.jobs):
            receiving, sending = context.Pipe(duplex=False)
            process: BaseProcess = context.Process(target=work, args=(run, job, sending), daemon=True)
            process.start()
            sending.close()
            processes.append(process)
            jobs[receiving] = job
        while jobs:
            for connection in wait(list(jobs)):
                _receive(connection, jobs, processes, latest, lost)
            report(_sum([*latest, lost]))
    finally:
        end(processes)
        for process in processes:
            process.join()
    totals = _sum([*latest, lost])
    totals.seconds = time.perf_counter() - start
    return totals


def _receive(
    connection: object, jobs: dict[Connection, int], processes: list[BaseProcess], latest: list[Totals], lost: Totals
) -> None:
    """Takes what a process has to say, or notes that it has ended, for a good reason or another."""
    if not isinstance(connection, Connection):
        return
    job = jobs[connection]
    try:
        failed, totals = connection.recv()
    except EOFError:
        processes[job].join()
        if processes[job].exitcode != 0:
            lost.add(broken(job, f"ended with code {processes[job].exitcode}"))
        del jobs[connection]
    else:
        if failed:
            lost.add(totals)
        else:
            latest[job] = totals


def _sum(parts: list[Totals]) -> Totals:
    totals = Totals()
    for part in parts:
        totals.add(part)
    return totals
