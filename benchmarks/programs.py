"""What certificates for programs cost, against trying all inputs in floating point.

    python benchmarks/programs.py WEIGHTS... [--repeat 3] [--verified]

The configuration of weights is a JSON file of the same name beside them. Each model has a process of its own: it is
exported and proved; then run in turn, on one thread, the checker and the same program in float32 by PyTorch, all
inputs in batches, without any sharing between inputs: once as a library runs it, at every position, and once only
at the positions that its logits depend on. Prints the verdicts, and a table: processor seconds (medians of the
repeated ones), the most memory of the process in MiB, and ratios to the seconds of the check.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from checker import check
from checker.meter import Meter
from checker.models.evaluation import Plan
from checker.models.program import Program, parse_program
from checker.models.syntax import Step
from checker.numbers.dyadic import Dyadic
from checker.verdict import Verdict
from compact_proofs.commands import export, prove

BATCH = 8192
VERIFIED = Path(__file__).parents[1] / "verified" / "compact-proofs-verified"


def tensor(matrix: Dyadic) -> torch.Tensor:
    rows = [[float(int(k)) for k in row] for row in matrix.integers.table()]
    return torch.tensor(rows, dtype=torch.float64).ldexp(torch.tensor(matrix.exponent)).float()


def gelu_new(x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.gelu(x, approximate="tanh")


class Rows:
    """Which rows of each value are computed, and where they stand among those."""

    def __init__(self, program: Program, every: bool) -> None:
        read = Plan(program, Meter()).reads
        self.rows = [
            [j for j in range(rows) if every or (number, j) in read] for number, (rows, _) in enumerate(program.shapes)
        ]

    def take(self, values: list[torch.Tensor], value: int, rows: list[int]) -> torch.Tensor:
        """These rows of a value."""
        if rows == self.rows[value]:
            return values[value]
        return values[value][:, [self.rows[value].index(row) for row in rows]]


def attention(step: Step, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, rows: list[int]) -> torch.Tensor:
    f = vars(step)
    scores = q @ k.transpose(1, 2) * (f["scale"] * 2.0 ** f["exponent"] / f["divisor"] ** 0.5)
    if f["mask"] == "causal":
        scores = scores + torch.triu(torch.full((rows[-1] + 1, k.shape[1]), -torch.inf), 1)[rows]
    return scores.softmax(-1) @ v


def step_value(
    step: Step, x: list[torch.Tensor], weights: list[torch.Tensor], tokens: torch.Tensor, needed: Rows
) -> torch.Tensor:
    """The value [inputs, rows, columns] of a step, of the rows that are needed."""
    f, rows = vars(step), needed.rows[len(x)]
    causal = f.get("mask") == "causal"

    def value(name: str, of: list[int] = rows) -> torch.Tensor:
        return needed.take(x, f[name], of)

    def seen(name: str) -> torch.Tensor:
        last = rows[-1] if causal else needed.rows[f[name]][-1]
        return value(name, list(range(last + 1)))

    match step.name:
        case "embed":
            return weights[f["weights"]][tokens[:, rows]]
        case "embed_at":
            return weights[f["weights"]][tokens[:, f["position"]]][:, None]
        case "constant":
            return weights[f["weights"]][rows].expand(len(tokens), -1, -1)
        case "linear":
            return value("value") @ weights[f["weights"]]
        case "bias":
            return value("value") + weights[f["weights"]]
        case "times":
            return value("value") * weights[f["weights"]]
        case "add":
            return value("left") + value("right")
        case "product":
            return value("left") * value("right")
        case "relu":
            return value("value").relu()
        case "silu":
            return torch.nn.functional.silu(value("value"))
        case "gelu_new":
            return gelu_new(value("value"))
        case "tanh":
            return value("value").tanh()
        case "center":
            return value("value") - value("value").mean(-1, keepdim=True)
        case "rms":
            eps = f["eps"] * 2.0 ** f["exponent"]
            return value("value") * torch.rsqrt(value("value").square().mean(-1, keepdim=True) + eps)
        case "attend":
            return attention(step, value("queries"), seen("keys"), seen("values"), rows)
        case "attend_sum" if causal:
            return seen("value").cumsum(1)[:, rows]
        case "attend_sum":
            return seen("value").sum(1, keepdim=True).expand(-1, len(rows), -1)
        case "rows":
            return value("value", [f["chosen"][row] for row in rows])
        case "total":
            return x[f["value"]].sum(1, keepdim=True)
    raise ValueError(step.name)


def brute_force(program: Program, weights: list[torch.Tensor], every: bool) -> tuple[int, float]:
    """How many inputs are right in float32, and the processor seconds of the model alone; `every` row of every
    value is computed, or only those that the logits depend on."""
    right, seconds, needed = 0, 0.0, Rows(program, every)
    for some in program.inputs.listed(0, program.inputs.sequences - 1, Meter()):
        for start in range(0, len(some.labels), BATCH):
            columns = [a[some.numbers[start : start + BATCH, j]] for j, a in enumerate(program.inputs.arrays)]
            tokens = torch.stack([torch.from_numpy(column) for column in columns], 1)
            began = time.process_time()
            values: list[torch.Tensor] = []
            for step in program.steps:
                values.append(step_value(step, values, weights, tokens, needed))
            answers = values[-1].argmax(-1)
            seconds += time.process_time() - began
            labels = torch.from_numpy(some.labels[start : start + BATCH])
            right += int((answers == labels).all(1).sum())
    return right, seconds


@dataclass(frozen=True)
class Figures:
    """What was measured of one model: processor seconds, and MiB."""

    verdict: Verdict
    right: int
    prove: float
    check: float
    memory: int
    every_position: float
    needed: float
    verified: float | None

    def cells(self, name: str) -> list[str]:
        found = f"{self.verdict.correct_at_least:,} of {self.verdict.total:,}"
        forced = [f"{x:.3f} ({self.check / x:.1f})" for x in (self.every_position, self.needed)]
        twin = "" if self.verified is None else f"{self.verified:.1f} ({self.verified / self.check:.1f})"
        own = [f"{self.prove:.1f}", f"{self.check:.2f}", str(self.memory)]
        return [name, found, f"{self.right:,}", *own, *forced, twin]


HEADER = (
    *("model", "certified", "right in float32", "proof", "check", "MiB"),
    *("float32, every position (check / it)", "float32, needed positions (check / it)", "verified (it / check)"),
)


def verified_seconds(model: Path, certificate: Path) -> float:
    """Processor seconds of the verified checker."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run([VERIFIED, model, certificate], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if not said.stdout.startswith("accepted"):
        raise RuntimeError(f"the verified checker: {said.stdout}{said.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(weights: Path, repeat: int, verified: bool) -> Figures:
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        model, certificate = Path(folder, "model"), Path(folder, "certificate")
        export(weights, model, config=json.loads(weights.with_suffix(".json").read_text()))
        began = time.process_time()
        prove(model, "evaluate", certificate)
        proof = time.process_time() - began
        program = parse_program(model.read_bytes())
        tensors = [tensor(matrix) for matrix in program.tensors]
        checks: list[float] = []
        forced: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(repeat):
            began = time.process_time()
            verdict = check(model.read_bytes(), certificate.read_bytes())
            checks.append(time.process_time() - began)
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            for every, times in forced.items():
                right, seconds = brute_force(program, tensors, every)
                times.append(seconds)
        twin = verified_seconds(model, certificate) if verified else None
    slow, every_position, needed = (statistics.median(times) for times in (checks, forced[True], forced[False]))
    return Figures(verdict, right, proof, slow, memory, every_position, needed, twin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--verified", action="store_true", help="Measure the verified checker, too, once.")
    options = parser.parse_args()
    lines = [HEADER, ("---",) * len(HEADER)]
    for weights in options.weights:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            found = pool.submit(measure, weights, options.repeat, options.verified).result()
        print(f"{weights.stem}: {found.verdict}\n", flush=True)
        lines.append(tuple(found.cells(weights.stem)))
    print("\n".join(f"| {' | '.join(line)} |" for line in lines))


if __name__ == "__main__":
    main()
