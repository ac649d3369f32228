"""A Python with NumPy and python-flint and nothing else, such as a stranger has who received two files."""

import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path


def bare_environment(directory: Path) -> Path:
    """Make it in `directory`, from the libraries of this environment; returns the folder of its `python`."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory], check=True)
    (packages,) = directory.glob("lib/python*/site-packages")
    for name in ("numpy", "python-flint"):
        library = distribution(name)
        folders = {path.parts[0] for path in library.files or ()} - {".."}
        for folder in folders:
            (packages / folder).symlink_to(str(library.locate_file(folder)))
    return directory / "bin"
