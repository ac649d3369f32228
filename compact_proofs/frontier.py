"""Proofs of every length: models proved by every strategy at several prices, and each checked.

Points are found in parallel, and certificates kept in files as soon as they are found, so that a run
that was interrupted continues. What a point claims is what the kernel said in this run, in a process
of its own: certificates that were kept are checked again. One that is damaged, incomplete, by other
code or not accepted is not used, and its point is found again.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import certificates
import checker
from certificates.short import OverBudget, ShortProofs
from certificates.strategies import CLASSES, STRATEGIES, UnknownStrategy
from checker import Verdict
from checker.__main__ import read
from checker.errors import Declined
from checker.header import model_hash
from checker.models.attention_only import parse_model
from compact_proofs.commands import export
from compact_proofs.isolated import CheckerFailed, check_isolated
from compact_proofs.own_strategies import installed_strategies, own_strategy
from compact_proofs.places import located
from compact_proofs.shipped import shipped_model
from compact_proofs.workers import worker_pool
from model_export.output_files import require_output, write_whole

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
    strategy share counts for each of them. Those of a certificate that was kept are of the run that
    found it, and `verdict` and `check_seconds` of this one.
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
    """Points of one model by one strategy, to be found, or checked again."""

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
    own: Sequence[str] = (),
) -> tuple[list[Point], list[Missing]]:
    """Prove the exact model files `models` by every strategy, check all proofs, return the points.

    Certificates are kept in the directory `output`, and only checked again by the next run.
    `prices` are `PRICES` by default; `processes` run at the same time, by default one per core.
    `starting` is called with how many tasks of how many are done, at the start and whenever one is.
    `own` are strategies besides, by module and function; those of other packages are there in any case. Their
    certificates are found anew each time, because their code is not known here.

    Raises `Declined` for a file that is no model, `CheckerFailed` if a check does not accept, and
    `ChildProcessError` if one of the processes is killed.
    """
    for strategy in own:
        if own_strategy(strategy) is None:
            raise UnknownStrategy(f"strategy {strategy!r}: expected MODULE:FUNCTION, or one of another package")
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
            raise Declined(f"{path}: {located(str(error), data, model_name=path)}") from error
        results = output / "results" / model_hash(data)[:16] / code_version()[:16]
        for strategy in dict.fromkeys([*STRATEGIES, *installed_strategies(), *own]):
            if strategy == BRUTE_FORCE and total > MAX_TRIED_INPUTS:
                missing.append(Missing(name, Setting(strategy), f"{total} inputs are too many to try each"))
            elif strategy != CHOOSER:
                wanted = tuple(prices or PRICES) if strategy in CLASSES else (None,)
                tasks.append(Task(path, strategy, wanted, results))
    # The longest first, so that the last processes end at about the same time.
    tasks.sort(key=lambda task: task.strategy != BRUTE_FORCE)
    starting(f"0 of {len(tasks)} tasks done")
    with worker_pool(processes or os.cpu_count() or 1) as pool:
        for i, future in enumerate(as_completed([pool.submit(find, task) for task in tasks]), 1):
            starting(f"{i} of {len(tasks)} tasks done")
            points += [point for point in future.result() if isinstance(point, Point)]
            missing += [point for point in future.result() if isinstance(point, Missing)]
    return points, missing


def find(task: Task) -> list[Point | Missing]:
    """The points of a task, from certificates that are kept, or kept as soon as they are found."""
    data, name = read(str(task.model)), task.model.stem
    task.results.mkdir(parents=True, exist_ok=True)
    search, check = _Search(data, task.strategy), _Check(task.model, model_hash(data))
    found: list[Point | Missing] = []
    for setting in task.settings:
        path = task.results / f"{setting.name}.certificate"
        kept = _kept(path) if task.strategy in STRATEGIES else None
        if kept is not None:
            verdict, check_seconds = check(path, kept[0])
            if verdict.verdict == "accepted":
                found.append(Point(name, setting, verdict, kept[1], check_seconds))
                continue
        try:
            certificate, prove_seconds = search(setting)
        except (Declined, OverBudget) as error:
            found.append(Missing(name, setting, str(error)))
            continue
        except Exception as error:
            if task.strategy in STRATEGIES:
                raise
            # Somebody else's code ends nothing but its own point.
            reason = str(error) if isinstance(error, UnknownStrategy) else f"{type(error).__name__}: {error}"
            found.append(Missing(name, setting, reason))
            continue
        require_output(path, [task.model])
        write_whole(path, certificate)
        verdict, check_seconds = check(path, certificate)
        if verdict.verdict != "accepted":
            raise CheckerFailed(f"{path}: {verdict.verdict}: {verdict.reason}")
        _keep(path, certificate, prove_seconds)
        found.append(Point(name, setting, verdict, prove_seconds, check_seconds))
    return found


class _Search:
    """Proofs of one model by one strategy; those at several prices share a search."""

    def __init__(self, data: bytes, strategy: str) -> None:
        self._data, self._strategy = data, strategy
        self._own = None if strategy in STRATEGIES else own_strategy(strategy)
        self._shared: ShortProofs | None = None
        self._shared_seconds = 0.0

    def __call__(self, setting: Setting) -> tuple[bytes, float]:
        """A certificate, and the seconds that it would have taken alone."""
        start = time.perf_counter()
        if setting.price is None:
            certificate = (self._own or STRATEGIES[self._strategy]).prove(self._data, None).certificate
            return certificate, time.perf_counter() - start
        if self._shared is None:
            self._shared = ShortProofs(self._data, CLASSES[self._strategy])
            self._shared_seconds, start = time.perf_counter() - start, time.perf_counter()
        certificate = self._shared.prove(2.0**-setting.price).certificate
        return certificate, time.perf_counter() - start + self._shared_seconds


class _Check:
    """Checks of certificates of one model, each in a process of its own."""

    def __init__(self, model: Path, sha256: str) -> None:
        self._model, self._sha256 = model, sha256
        self._checked: dict[bytes, tuple[Verdict, float]] = {}

    def __call__(self, path: Path, certificate: bytes) -> tuple[Verdict, float]:
        """The verdict on the `certificate` in the file `path`, and the seconds that the check took.

        Raises `CheckerFailed` without a verdict, or with one about another model.
        """
        # Neighbouring prices may lead to the same certificate.
        if certificate not in self._checked:
            verdict, seconds = check_isolated(self._model, path)
            if verdict.model_sha256 != self._sha256:
                raise CheckerFailed(f"{self._model}: the file was changed while it was in use")
            self._checked[certificate] = verdict, seconds
        return self._checked[certificate]


def _record(certificate: bytes, prove_seconds: float) -> dict[str, object]:
    """What is kept about a certificate, sealed by a hash, so that a change of one part does not go unnoticed."""
    record = {"certificate_sha256": sha256(certificate).hexdigest(), "prove_seconds": prove_seconds}
    return {**record, "sha256": sha256(json.dumps(record).encode("ascii")).hexdigest()}


def _keep(path: Path, certificate: bytes, prove_seconds: float) -> None:
    text = json.dumps(_record(certificate, prove_seconds), indent=2) + "\n"
    write_whole(path.with_suffix(".json"), text.encode("ascii"))


def _kept(path: Path) -> tuple[bytes, float] | None:
    """The certificate that an earlier run has kept in the file `path`, and its seconds, if both are whole."""
    try:
        certificate = path.read_bytes()
        record = json.loads(path.with_suffix(".json").read_bytes())
        seconds = record["prove_seconds"]
        whole = isinstance(seconds, float) and record == _record(certificate, seconds)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return (certificate, seconds) if whole else None


@cache
def code_version() -> str:
    """The SHA-256 of the source of what proves and checks; with other code, points may differ."""
    version = sha256()
    for package in (checker, certificates):
        folder = Path(next(iter(package.__path__)))
        for path in sorted(folder.rglob("*.py")):
            version.update(f"{package.__name__} {path.relative_to(folder)}\n".encode())
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
