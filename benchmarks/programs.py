"""What a check of a program costs, against trying its inputs in floating point.

    python benchmarks/programs.py MODEL CERTIFICATE [--repeat 3]

Both run in turn, on one thread: the checker, and the same program in float32 by PyTorch, all inputs in
batches, without any sharing between inputs. Prints the medians of processor seconds, their ratio, and the
most memory that the process has had.
"""

import argparse
import os
import resource
import statistics
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from checker import check
from checker.meter import Meter
from checker.models.program import Program, parse_program
from checker.models.syntax import Step
from checker.numbers.dyadic import Dyadic

BATCH = 8192


def tensor(matrix: Dyadic) -> torch.Tensor:
    rows = [[float(int(k)) for k in row] for row in matrix.integers.table()]
    return torch.tensor(rows, dtype=torch.float64).ldexp(torch.tensor(matrix.exponent)).float()


def gelu_new(x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.gelu(x, approximate="tanh")


def step_value(step: Step, x: list[torch.Tensor], weights: list[torch.Tensor], tokens: torch.Tensor) -> torch.Tensor:
    """The value [inputs, rows, columns] of a step."""
    f = vars(step)
    match step.name:
        case "embed":
            return weights[f["weights"]][tokens]
        case "embed_at":
            return weights[f["weights"]][tokens[:, f["position"]]][:, None]
        case "constant":
            return weights[f["weights"]].expand(len(tokens), -1, -1)
        case "linear":
            return x[f["value"]] @ weights[f["weights"]]
        case "bias":
            return x[f["value"]] + weights[f["weights"]]
        case "times":
            return x[f["value"]] * weights[f["weights"]]
        case "add":
            return x[f["left"]] + x[f["right"]]
        case "product":
            return x[f["left"]] * x[f["right"]]
        case "relu":
            return x[f["value"]].relu()
        case "silu":
            return torch.nn.functional.silu(x[f["value"]])
        case "gelu_new":
            return gelu_new(x[f["value"]])
        case "center":
            return x[f["value"]] - x[f["value"]].mean(-1, keepdim=True)
        case "rms":
            eps = f["eps"] * 2.0 ** f["exponent"]
            return x[f["value"]] * torch.rsqrt(x[f["value"]].square().mean(-1, keepdim=True) + eps)
        case "attend":
            scale = f["scale"] * 2.0 ** f["exponent"] / f["divisor"] ** 0.5
            scores = x[f["queries"]] @ x[f["keys"]].transpose(1, 2) * scale
            if f["mask"] == "causal":
                scores = scores + torch.triu(torch.full(scores.shape[1:], -torch.inf), 1)
            return scores.softmax(-1) @ x[f["values"]]
        case "attend_sum":
            return x[f["value"]].cumsum(1) if f["mask"] == "causal" else x[f["value"]].sum(1, keepdim=True).expand(
                -1, x[f["value"]].shape[1], -1
            )
        case "rows":
            return x[f["value"]][:, list(f["chosen"])]
        case "total":
            return x[f["value"]].sum(1, keepdim=True)
    raise ValueError(step.name)


def brute_force(program: Program, weights: list[torch.Tensor]) -> tuple[int, float]:
    """How many inputs are right in float32, and the processor seconds of the model alone."""
    right, seconds = 0, 0.0
    for some in program.inputs.listed(0, program.inputs.sequences - 1, Meter()):
        for start in range(0, len(some.labels), BATCH):
            columns = [a[some.numbers[start : start + BATCH, j]] for j, a in enumerate(program.inputs.arrays)]
            tokens = torch.stack([torch.from_numpy(column) for column in columns], 1)
            began = time.process_time()
            values: list[torch.Tensor] = []
            for step in program.steps:
                values.append(step_value(step, values, weights, tokens))
            answers = values[-1].argmax(-1)
            seconds += time.process_time() - began
            labels = torch.from_numpy(some.labels[start : start + BATCH])
            right += int((answers == labels).all(1).sum())
    return right, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("certificate", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, certificate = options.model.read_bytes(), options.certificate.read_bytes()
    program = parse_program(model)
    weights = [tensor(matrix) for matrix in program.tensors]
    checks, forced = [], []
    for _ in range(options.repeat):
        began = time.process_time()
        verdict = check(model, certificate)
        checks.append(time.process_time() - began)
        right, seconds = brute_force(program, weights)
        forced.append(seconds)
    slow, fast = statistics.median(checks), statistics.median(forced)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{verdict}")
    print(f"check {slow:.2f} s; float32 {fast:.2f} s, right on {right}; ratio {slow / fast:.2f}; memory {memory} MiB")


if __name__ == "__main__":
    main()
