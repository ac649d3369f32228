"""What scripts need from pyproject.toml, one word on a line: `python tests/project.py NAME`."""

import sys
import tomllib
from itertools import chain
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
FUZZER_TESTS = ("tests/test_judge.py", "tests/test_oracle.py")


def oldest_python() -> list[str]:
    """The command of the oldest Python that is supported."""
    return [PROJECT["project"]["requires-python"].replace(">=", "python")]


def oldest_libraries() -> list[str]:
    """Constraints for pip: the oldest version of every library that is required, with and without extras."""
    project = PROJECT["project"]
    required = chain(project["dependencies"], *project["optional-dependencies"].values())
    return [name.replace(">=", "==") for name in required if not name.startswith("compact-proofs[")]


def kernel_tests() -> list[str]:
    """Arguments of pytest for the fast tests of the kernel's parts: those of mutation testing, but for the fuzzer's."""
    arguments = PROJECT["tool"]["mutmut"]["pytest_add_cli_args_test_selection"]
    return [argument for argument in arguments if argument not in FUZZER_TESTS]


if __name__ == "__main__":
    print(*{f.__name__: f for f in (oldest_python, oldest_libraries, kernel_tests)}[sys.argv[1]](), sep="\n")
