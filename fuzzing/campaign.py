"""A run of the fuzzer in one process: models and certificates from Hypothesis, mutants by the hundred.

Each example of Hypothesis is a model, one certificate about it, and a seed of mutations, so that its own
work is small beside that of the kernel. Model and certificate shrink number by number; of the mutants of
an example only the one that fails is saved.
"""

import json
import random
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase

from certificates.strategies import STRATEGIES, prove
from checker.certificate import Certificate
from checker.errors import Declined
from checker.models.attention_only import parse_model
from checker.verdict import Verdict
from fuzzing.certificates import claiming, edge_certificate, file_of, random_certificate
from fuzzing.judge import SECONDS, Failure, Judge
from fuzzing.kernel import WatchedKernel
from fuzzing.models import Model, model_file, random_model
from fuzzing.mutations import MUTATIONS, Case, apply
from model_export.output_files import write_whole

RANDOM, RANDOM_LOW_RANK, EDGE = "random", "random, low rank", "margins at the truth"
# Where certificates come from: about half of them from strategies.
SOURCES = (*(RANDOM,) * 3, *(RANDOM_LOW_RANK,) * 5, *(EDGE,) * 3, *STRATEGIES)
NAMES_OF_MUTATIONS = (*MUTATIONS,)
MUTANTS = 256  # of an example, at most
# A check with so many bits of exponentials, for scores that are far apart, takes up to a second.
SLOW_BITS = 1024
MUTANTS_IF_SLOW = 12
EDGES = 4  # certificates with margins at the truth about each model
NOISE = 40  # one random certificate of so many claims one too many
EXAMPLES = 100  # of one call of Hypothesis
CHAINED = 0.25  # the probability that a mutant is a mutant of the last one that was well formed
# A failing example is made smaller for so long.
SHRINK_SECONDS = 20.0
REPORT_SECONDS = 0.5


@dataclass(frozen=True)
class Example:
    """What Hypothesis draws. `draft` is a random certificate that claims nothing, for some sources."""

    model: bytes
    source: str
    draft: Certificate | None
    noise: int
    mutants: int
    seed: int


@st.composite
def models(draw: st.DrawFn, max_inputs: int = 128, positions: int | None = None) -> Model:
    return random_model(draw(st.randoms(use_true_random=False)), max_inputs, positions)


@st.composite
def examples(draw: st.DrawFn) -> Example:
    rng = draw(st.randoms(use_true_random=False))
    source = draw(st.sampled_from(SOURCES))
    data = model_file(random_model(rng))
    draft = None
    if source in (RANDOM, RANDOM_LOW_RANK):
        draft = random_certificate(rng, data, parse_model(data), 0.0 if source == RANDOM else 0.5)
    noise, mutants, seed = st.integers(0, NOISE), st.integers(0, MUTANTS), st.integers(0, 2**32)
    return Example(data, source, draft, draw(noise), draw(mutants), draw(seed))


@dataclass
class Totals:
    """What a run has done so far."""

    models: int = 0
    mutants: int = 0
    undecided: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    # The verdicts on certificates before any mutation, by their source; "none" where there is none.
    sources: dict[str, Counter[str]] = field(default_factory=dict)
    # By the last mutation: "accepted" (and true), "rejected", "declined"; "unsound" and other failures; "idle"
    # where it did not apply.
    mutations: dict[str, Counter[str]] = field(default_factory=dict)
    failures: list[dict[str, str]] = field(default_factory=list)

    def add(self, other: "Totals") -> None:
        """Adds the work of another process, which took place at the same time."""
        self.models += other.models
        self.mutants += other.mutants
        self.undecided += other.undecided
        self.seconds = max(self.seconds, other.seconds)
        self.processor_seconds += other.processor_seconds
        for mine, theirs in ((self.sources, other.sources), (self.mutations, other.mutations)):
            for name, counts in theirs.items():
                mine.setdefault(name, Counter()).update(counts)
        self.failures += other.failures


def nothing(totals: Totals) -> None:
    """The progress that nobody looks at."""


class Campaign:
    """A run until a number of mutants, or of seconds, or the first failure."""

    def __init__(
        self,
        seed: int,
        mutants: int | None,
        seconds: float | None,
        failures: Path,
        database: Path | None = None,
        report: Callable[[Totals], None] = nothing,
    ) -> None:
        self.seed, self.mutants, self.seconds = seed, mutants, seconds
        self.failures, self.database, self.report = failures, database, report
        self.totals = Totals()
        self._start, self._processor_start = time.perf_counter(), time.process_time()
        self._reported = self._start
        self._failed_at: float | None = None
        self._failed_by = ""
        self._smallest: Example | None = None

    def run(self) -> Totals:
        """Runs, and returns the totals."""
        with WatchedKernel(SECONDS) as kernel, warnings.catch_warnings():
            # Strategies search in floating point, and some models overflow it.
            warnings.simplefilter("ignore")
            self._judge = Judge(kernel)
            rounds = 0
            while not self._over() and self._failed_at is None:
                # Hypothesis raises the failure of its smallest example, which is saved by then.
                with suppress(Failure, hypothesis.errors.Flaky):
                    self._property(rounds)()
                rounds += 1
        self._update_time()
        return self.totals

    def _property(self, rounds: int) -> Callable[[], None]:
        settings = hypothesis.settings(
            max_examples=EXAMPLES,
            database=DirectoryBasedExampleDatabase(self.database) if self.database else None,
            phases=(Phase.reuse, Phase.generate, Phase.shrink),
            deadline=None,
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
            report_multiple_bugs=False,
            print_blob=False,
        )

        def nothing_false_is_accepted(example: Example) -> None:
            self._try(example)

        given = hypothesis.given(examples())(nothing_false_is_accepted)
        return settings(hypothesis.seed(self.seed * 2**32 + rounds)(given))

    def _over(self) -> bool:
        if self.seconds is not None and time.perf_counter() - self._start >= self.seconds:
            return True
        return self.mutants is not None and self.totals.mutants >= self.mutants

    def _update_time(self) -> None:
        self.totals.seconds = time.perf_counter() - self._start
        self.totals.processor_seconds = time.process_time() - self._processor_start

    def _try(self, example: Example) -> None:
        """Judges the certificate of an example and its mutants. Raises the first failure, once it is saved; an
        error of the fuzzer itself is saved as one, and the run goes on."""
        try:
            self._try_mutants(example)
        except Failure:
            raise
        except Exception:
            origin = {"source": example.source, "mutation": ""}
            self._save(Case(example.model, b""), "broken", traceback.format_exc(), origin)

    def _try_mutants(self, example: Example) -> None:
        if self._failed_at is None:
            if self._over():
                return
        elif time.perf_counter() - self._failed_at > SHRINK_SECONDS and example != self._smallest:
            return
        case = self._certified(example)
        last = None
        slow = case.parsed is not None and case.parsed.exponential_bits > SLOW_BITS
        for place in range(min(example.mutants, MUTANTS_IF_SLOW) if slow else example.mutants):
            if self._failed_at is None and self._over():
                return
            rng = random.Random(example.seed * MUTANTS + place)
            name = rng.choice(NAMES_OF_MUTATIONS)
            if self._failed_at is not None and name != self._failed_by:
                continue
            before = last if last and rng.random() < CHAINED else case
            changed = apply(name, rng, before)
            counts = self.totals.mutations.setdefault(name, Counter())
            if changed is None:
                self._count(counts, "idle")
                continue
            verdict = self._judged(example, changed, counts, name)
            self._count(counts, verdict.verdict)
            if self._failed_at is None:
                self.totals.mutants += 1
            if verdict.verdict != "declined":
                last = changed
            self._show()

    def _count(self, counts: Counter[str], what: str) -> None:
        """Counts, unless a failing example is only being made smaller."""
        if self._failed_at is None:
            counts[what] += 1

    def _certified(self, example: Example) -> Case:
        """The model of an example with its certificate, which is judged as it is; before it, for any example,
        some with margins at the truth."""
        if self._failed_at is None:
            self.totals.models += 1
        rng, truth = random.Random(example.seed), self._judge.truth(example.model)
        counts = self.totals.sources.setdefault(EDGE, Counter())
        for _ in range(EDGES):
            draft = edge_certificate(rng, example.model, truth)
            self._judged(example, Case(example.model, file_of(draft)), counts, source=EDGE)
        counts = self.totals.sources.setdefault(example.source, Counter())
        if example.draft:
            draft = example.draft
            self._judged(example, Case(example.model, file_of(draft)), counts)
        if example.source in STRATEGIES:
            certificate = None
            # What strategies do about models that they cannot bear.
            with suppress(Declined):
                certificate = prove(example.model, example.source)
            if certificate is None:
                self._count(counts, "none")
                certificate = prove(example.model, "trivial")
        else:
            # The largest claims that pass, but for one of them now and then.
            claims = [found.count for found in self._judge.kernel.found]
            if example.noise == NOISE and claims:
                claims[example.seed % len(claims)] += 1
            certificate = file_of(claiming(draft, claims))
        case = Case(example.model, certificate)
        self._count(counts, self._judged(example, case, counts).verdict)
        return Case(example.model, certificate, truth)

    def _judged(
        self, example: Example, case: Case, counts: Counter[str], mutation: str = "", source: str | None = None
    ) -> Verdict:
        try:
            return self._judge.judge(case.model, case.certificate)
        except Failure as failure:
            kind = type(failure).__name__.lower()
            self._count(counts, kind)
            self._save(case, kind, str(failure), {"source": source or example.source, "mutation": mutation or "none"})
            if self._failed_at is None:
                self._failed_at, self._failed_by = time.perf_counter(), mutation
            self._smallest = example
            raise

    def _save(self, case: Case, kind: str, message: str, origin: dict[str, str]) -> None:
        """Saves a failure, in the place of a larger one of the same kind."""
        folder = self.failures / f"{kind}-{self.seed}"
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "model", case.model)
        write_whole(folder / "certificate", case.certificate)
        description = {"kind": kind, "message": message, **origin, "folder": str(folder)}
        write_whole(folder / "description.json", (json.dumps(description, indent=2) + "\n").encode("ascii"))
        self.totals.failures = [found for found in self.totals.failures if found["folder"] != str(folder)]
        self.totals.failures.append(description)

    def _show(self) -> None:
        now = time.perf_counter()
        if now - self._reported >= REPORT_SECONDS:
            self._reported = now
            self._update_time()
            self.report(self.totals)
