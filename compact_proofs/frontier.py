"""Proofs of every length: models proved by every strategy at several prices, and each checked.

Points are found in parallel and kept in files as soon as they are found, so that a run that was
interrupted continues. What is kept is what the kernel said, in a process of its own, of a
certificate that lies beside it; a file that is incomplete, damaged, or by other code is not used,
and its point is found again.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields
from functools import cache
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path

import certificates
import checker
from certificates.short import OverBudget, ShortProofs
from certificates.strategies import CLASSES, STRATEGIES
from checker import Verdict
from checker.__main__ import read
from checker.errors import Declined
from checker.model import model_hash, parse_model
from compact_proofs.commands import export
from compact_proofs.isolated import CheckerFailed, check_isolated
from compact_proofs.shipped import shipped_model

# A price of 2**-p of all inputs for an operation is named by its p. The lower the price, the longer
# and tighter the proof; below the last one hardly anything can be gained.
PRICES = (12, 16, 18, 20, 21, 22, 23, 24, 25, 26, 30)
# The strategy that picks one of the others adds no point.
CHOOSER = "auto"
BRUTE_FORCE = "brute-force"
# Models with more inputs are not proved by trying each.
MAX_TRIED_INPUTS = 2**24


@dataclass(frozen=True)
class Setting:
    """A strategy, and the price of an operation if it takes one."""

    strategy: str
    price: int | None = None

    @property
    def name(self) -> str:
        return self.strategy if self.price is None else f"{self.strategy}-{self.price}"


@dataclass(frozen=True)
class Point:
    """A proof that the kernel accepted.

    `prove_seconds` is what this proof would have taken alone: the search that proofs of one
    strategy share counts for each of them.
    """

    model: str
    setting: Setting
    verdict: Verdict
    prove_seconds: float
    check_seconds: float


@dataclass(frozen=True)
class Missing:
    """A strategy that found no proof of a model, and why."""

    model: str
    setting: Setting
    reason: str


@dataclass(frozen=True)
class Task:
    """Points of one model by one strategy, still to be found."""

    model: Path
    strategy: str
    prices: tuple[int | None, ...]
    results: Path

    @property
    def settings(self) -> list[Setting]:
        return [Setting(self.strategy, price) for price in self.prices]


def frontier(
    models: Sequence[Path],
    output: Path,
    prices: Sequence[int] | None = None,
    processes: int | None = None,
    starting: Callable[[str], None] = lambda step: None,
) -> tuple[list[Point], list[Missing]]:
    """Prove the exact model files `models` by every strategy, check all proofs, return the points.

    Certificates and verdicts are kept in the directory `output`, and used again by the next run.
    `prices` are `PRICES` by default; `processes` run at the same time, by default one per core.
    `starting` is called with how many tasks of how many are done, at the start and whenever one is.

    Raises `Declined` for a file that is no model, `CheckerFailed` if a check does not accept.
    """
    names: dict[Path, str] = {}
    for path in models:
        if path.stem in names.values() and path not in names:
            raise ValueError(f"two models are called {path.stem}")
        names[path] = path.stem
    points: list[Point] = []
    missing: list[Missing] = []
    tasks: list[Task] = []
    for path, name in names.items():
        try:
            data = read(str(path))
            total = parse_model(data).total
        except Declined as error:
            raise Declined(f"{path}: {error}") from error
        results = output / "results" / model_hash(data)[:16] / code_version()[:16]
        for strategy in STRATEGIES:
            if strategy == BRUTE_FORCE and total > MAX_TRIED_INPUTS:
                missing.append(Missing(name, Setting(strategy), f"{total} inputs are too many to try each"))
            elif strategy != CHOOSER:
                wanted = tuple(prices or PRICES) if strategy in CLASSES else (None,)
                task = Task(path, strategy, wanted, results)
                kept = [_kept(name, results, setting, data) for setting in task.settings]
                points += [point for point in kept if point]
                left = [price for price, point in zip(wanted, kept, strict=True) if not point]
                if left:
                    tasks.append(Task(path, strategy, tuple(left), results))
    # The longest first, so that the last processes end at about the same time.
    tasks.sort(key=lambda task: task.strategy != BRUTE_FORCE)
    starting(f"0 of {len(tasks)} tasks done")
    for i, found in enumerate(_in_parallel(tasks, processes), 1):
        starting(f"{i} of {len(tasks)} tasks done")
        points += [point for point in found if isinstance(point, Point)]
        missing += [point for point in found if isinstance(point, Missing)]
    return points, missing


def _in_parallel(tasks: Sequence[Task], processes: int | None) -> Iterable[list[Point | Missing]]:
    if not tasks:
        return
    # New processes rather than copies of this one, which may have threads.
    with ProcessPoolExecutor(
        max_workers=min(len(tasks), processes or os.cpu_count() or 1),
        mp_context=get_context("spawn"),
    ) as pool:
        futures = [pool.submit(find, task) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def find(task: Task) -> list[Point | Missing]:
    """Find the points of a task, and keep each as soon as it is checked."""
    data, name = read(str(task.model)), task.model.stem
    task.results.mkdir(parents=True, exist_ok=True)
    shared, shared_seconds = None, 0.0
    checked: dict[bytes, tuple[Verdict, float]] = {}
    found: list[Point | Missing] = []
    for setting in task.settings:
        start = time.perf_counter()
        try:
            if setting.price is None:
                certificate = STRATEGIES[task.strategy].prove(data, None).certificate
            else:
                if shared is None:
                    shared = ShortProofs(data, CLASSES[task.strategy])
                    shared_seconds, start = time.perf_counter() - start, time.perf_counter()
                certificate = shared.prove(2.0**-setting.price).certificate
        except (Declined, OverBudget) as error:
            found.append(Missing(name, setting, str(error)))
            continue
        prove_seconds = time.perf_counter() - start + shared_seconds
        path = task.results / f"{setting.name}.certificate"
        _write(path, certificate)
        # Neighbouring prices may lead to the same certificate.
        if certificate not in checked:
            checked[certificate] = check_isolated(task.model, path)
        verdict, check_seconds = checked[certificate]
        if verdict.verdict != "accepted":
            raise CheckerFailed(f"{path}: {verdict.verdict}: {verdict.reason}")
        point = Point(name, setting, verdict, prove_seconds, check_seconds)
        _keep(task.results, point, certificate)
        found.append(point)
    return found


def _keep(results: Path, point: Point, certificate: bytes) -> None:
    record = {
        "certificate_sha256": sha256(certificate).hexdigest(),
        "prove_seconds": point.prove_seconds,
        "check_seconds": point.check_seconds,
        "verdict": asdict(point.verdict),
    }
    text = json.dumps(record, indent=2) + "\n"
    _write(results / f"{point.setting.name}.json", text.encode("ascii"))


def _kept(model: str, results: Path, setting: Setting, data: bytes) -> Point | None:
    """The point that an earlier run has kept, if what it kept is whole and about this model."""
    try:
        certificate = (results / f"{setting.name}.certificate").read_bytes()
        record = json.loads((results / f"{setting.name}.json").read_bytes())
        verdict = Verdict(**record["verdict"])
        point = Point(model, setting, verdict, record["prove_seconds"], record["check_seconds"])
        whole = (
            record["certificate_sha256"] == sha256(certificate).hexdigest()
            and verdict.verdict == "accepted"
            and verdict.model_sha256 == model_hash(data)
            and all(type(getattr(verdict, f.name)) is f.type for f in fields(Verdict) if f.type is int)
            and isinstance(point.prove_seconds, float)
            and isinstance(point.check_seconds, float)
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return point if whole else None


def _write(path: Path, data: bytes) -> None:
    """Write a file that is either there as a whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    partial.replace(path)


@cache
def code_version() -> str:
    """The SHA-256 of the source of what proves and checks; with other code, points may differ."""
    version = sha256()
    for package in (checker, certificates):
        for path in sorted(Path(next(iter(package.__path__))).glob("*.py")):
            version.update(f"{package.__name__} {path.name}\n".encode())
            version.update(sha256(path.read_bytes()).digest())
    return version.hexdigest()


def model_file(name: str, output: Path) -> Path:
    """The exact model file `name`, or that of the shipped model `name`, exported to `output`."""
    if Path(name).exists():
        return Path(name)
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{name}.model"
    export(shipped_model(name), path)
    return path
