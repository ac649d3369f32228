"""The main job in one go: export a shipped model, prove it in several ways, check each certificate."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path

from certificates.strategies import STRATEGIES, Strategy
from checker import Verdict
from checker.errors import Declined
from compact_proofs.commands import export, prove
from compact_proofs.isolated import check_isolated
from compact_proofs.shipped import MODEL, OUTPUT, shipped_model
from model_export.output_files import write_whole


@dataclass(frozen=True)
class Result:
    """One strategy's certificate and its verdict; `verdict` is None if no certificate was found."""

    strategy: str
    certificate: Path
    prove_seconds: float
    check_seconds: float
    verdict: Verdict | None
    reason: str


def strategies() -> list[Strategy]:
    """Those of this package, from simple to clever."""
    return list(STRATEGIES.values())


def demo(
    output: str | PathLike[str] = OUTPUT,
    model: str = MODEL,
    starting: Callable[[str], None] = lambda step: None,
) -> list[Result]:
    """Export the shipped `model`, prove it by every strategy, and check in separate processes.

    All files go to the directory `output`: the exact model, and for each strategy a certificate and
    the verdict. `starting` is called with the name of each step; there are two for each strategy.
    Raises `CheckerFailed` if a check ends without a verdict.
    """
    weights = shipped_model(model)
    directory = Path(output)
    directory.mkdir(parents=True, exist_ok=True)
    model_path = directory / f"{model}.model"
    export(weights, model_path)
    results = []
    for strategy in strategies():
        certificate = directory / f"{model}.{strategy.name}.certificate"
        starting(f"prove by {strategy.name}")
        start = time.perf_counter()
        try:
            prove(model_path, strategy.name, certificate)
        except Declined as error:
            starting(f"no certificate by {strategy.name}")
            seconds = time.perf_counter() - start
            results.append(Result(strategy.name, certificate, seconds, 0.0, None, str(error)))
            continue
        prove_seconds = time.perf_counter() - start
        starting(f"check {strategy.name}")
        verdict, check_seconds = check_isolated(model_path, certificate)
        verdict_path = certificate.with_suffix(".verdict.json")
        write_whole(verdict_path, (json.dumps(asdict(verdict), indent=2) + "\n").encode("ascii"))
        results.append(Result(strategy.name, certificate, prove_seconds, check_seconds, verdict, verdict.reason))
    return results
