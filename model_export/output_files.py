"""Files that are written whole or not at all, and never over what they are made from."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def require_output(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Return if `write_whole` can write to `path`, as far as can be known before, and it is none of the `inputs`.

    Call it before the work whose result goes there. Raises `OSError`, which names `path`.
    """
    with _named(path):
        for read in inputs:
            # By any name: another spelling, a symbolic link, a hard link.
            if path.exists() and read.exists() and path.samefile(read):
                raise OSError(errno.EEXIST, f"not written, because it is the same file as the input {read}")
        _write_partial(_target(path), b"").unlink()


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to the file `path`, which is either there as a whole afterwards, or as it was before.

    A symbolic link stays one. Raises `OSError`, which names `path`, where it cannot be written; among others if it
    is a device, a pipe or a directory.
    """
    with _named(path):
        target = _target(path)
        partial = _write_partial(target, data)
        try:
            if target.exists():
                shutil.copymode(target, partial)
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _target(path: Path) -> Path:
    """Where the file is, or will be."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if target.exists():
        # To replace a device would remove it, and neither it nor a pipe can be written whole or not at all.
        if not target.is_file():
            raise OSError(errno.EINVAL, "not a regular file")
        if not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return target


def _write_partial(target: Path, data: bytes) -> Path:
    """A new file with `data` beside `target`, of a name that nobody else uses."""
    partial = target.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        with partial.open("xb") as file:
            file.write(data)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return partial
