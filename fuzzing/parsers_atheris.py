"""Fuzzing of both parsers by bytes, guided by coverage: `python -m fuzzing.parsers_atheris [OPTION OF LIBFUZZER]...`.

Needs Atheris, the extra `atheris`. Whatever a file holds, it is read or `Declined`; and what is read is
printed again as the same bytes, by printers that are no part of the kernel.
"""

import random
import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from checker.certificate_file import parse_certificate
from checker.errors import Declined
from checker.models.attention_only import parse_model
from fuzzing.certificates import file_of, random_certificate
from fuzzing.models import max_model, model_file, random_model
from model_export.exact_model_file import format_model

MODEL = model_file(max_model(3, 3))
SEEDS = 40


def seeds() -> list[bytes]:
    """Files to begin with: models, and certificates of all sorts about one of them."""
    rng = random.Random(0)
    certificates = [random_certificate(rng, MODEL, parse_model(MODEL), 0.5) for _ in range(SEEDS)]
    return [MODEL, *(model_file(random_model(rng)) for _ in range(SEEDS)), *map(file_of, certificates)]


def parse_both(data: bytes) -> None:
    """Parses `data` as a model and as a certificate. Raises `ValueError` where it is printed otherwise."""
    try:
        printed = format_model(parse_model(data)).encode("ascii")
    except Declined:
        printed = data
    if printed != data:
        raise ValueError("a model that was read is printed otherwise")
    try:
        printed = file_of(parse_certificate(data))
    except Declined:
        return
    if printed != data:
        raise ValueError("a certificate that was read is printed otherwise")


def main() -> int:
    try:
        atheris: Any = import_module("atheris")
    except ImportError:
        print("parsers_atheris: needs Atheris: pip install '.[atheris]' in a clone", file=sys.stderr)
        return 2
    for name in ("checker.text", "checker.models.attention_only", "checker.certificate_file"):
        module = import_module(name)
        for function in [value for value in vars(module).values() if getattr(value, "__module__", "") == name]:
            instrument(atheris, function)
    with TemporaryDirectory() as folder:
        for i, data in enumerate(seeds()):
            (Path(folder) / str(i)).write_bytes(data)
        folders = [] if any(not argument.startswith("-") for argument in sys.argv[1:]) else [folder]
        atheris.Setup([*sys.argv, *folders], parse_both)
        atheris.Fuzz()
    return 0


def instrument(atheris: Any, thing: Any) -> None:
    """Has the branches of a function, or of the methods of a class, counted."""
    if isinstance(thing, type):
        for value in vars(thing).values():
            instrument(atheris, value)
    elif hasattr(thing, "__code__"):
        atheris.instrument_func(thing)


if __name__ == "__main__":
    sys.exit(main())
