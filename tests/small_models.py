"""What only tests need: shipped models, settings of property tests, and shorthands for the kernel."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from importlib import import_module
from pathlib import Path

from hypothesis import HealthCheck, settings
from safetensors.numpy import load_file

from checker.check import check
from fuzzing.models import NAMES, Model

MODELS = Path(__file__).parent.parent / "models"
CHECKER = Path(__file__).parent.parent / "checker"
# These bound what is in memory at a time, and decline nothing.
INTERNAL = {"MAX_SUMS_AT_ONCE"}


def examples(count: int) -> settings:
    """Settings of a property test: `count` examples, however slow the machine is."""
    return settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))


@contextmanager
def memory_limit(limit: int) -> Iterator[None]:
    """Fails if Python and NumPy allocate more than `limit` bytes meanwhile."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit, f"{peak} bytes at the peak"


def kernel_limits() -> dict[str, int]:
    """The limits of the kernel by their names."""
    paths = [path.relative_to(CHECKER).with_suffix("") for path in sorted(CHECKER.rglob("[a-z]*.py"))]
    modules = [import_module(".".join(["checker", *path.parts])) for path in paths]
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if name.startswith("MAX_") and name not in INTERNAL
    }


def shipped(name: str) -> Model:
    """The weights of a shipped model, straight from its safetensors file."""
    tensors = load_file(MODELS / f"{name}.safetensors")
    canonical = {}
    for key, tensor in tensors.items():
        canonical[key.split(".")[-1]] = tensor if tensor.ndim == 2 else tensor[0]
    return {name: [[Fraction(float(k)) for k in row] for row in canonical[name]] for name in NAMES}


def reason(model_data: bytes, certificate_data: bytes, verdict: str) -> str:
    """The reason of a check that must end with `verdict`, and must claim nothing."""
    result = check(model_data, certificate_data)
    assert (result.verdict, result.correct_at_least) == (verdict, 0), result
    assert result.reason and "\n" not in result.reason
    return result.reason
