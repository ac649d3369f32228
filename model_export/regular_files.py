"""Files as bytes: regular ones only, and no more of them than a limit.

A device has no end, and a pipe may never begin; both would take the command with them.
"""

import os
import stat
from pathlib import Path

from model_export.errors import UnsupportedWeights


def read_regular_file(path: Path, name: str, limit: int) -> bytes:
    """The bytes of `path`. Raises `UnsupportedWeights` where it is not a regular file, cannot be read, or
    has more than `limit` bytes, a limit called `name`.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UnsupportedWeights(f"{path}: not a regular file")
            data = file.read(limit + 1)
            if len(data) > limit:
                raise UnsupportedWeights(f"{path}: {max(status.st_size, len(data))} bytes, limit {name} = {limit}")
    except OSError as error:
        raise UnsupportedWeights(f"{path}: {error.strerror}") from error
    return data


def _without_waiting(path: str, flags: int) -> int:
    """Open a file, and a pipe even if nobody writes into it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
