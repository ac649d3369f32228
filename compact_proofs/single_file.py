"""The checker as one file, for whoever receives a certificate and has Python, NumPy and python-flint:

    python compact_proofs/single_file.py -o checker.pyz
    python -I checker.pyz MODEL CERTIFICATE

The file is a ZIP archive that Python runs: the source of `checker`, and a line that starts it. The same source
gives the same bytes on every machine, so that its SHA-256 says which checker it is. This module needs the
standard library only, and imports nothing of what it packs.
"""

import argparse
import sys
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

KERNEL = Path(__file__).resolve().parent.parent / "checker"
# The kernel is found in the archive that is run, before any other of its name.
START = b'import runpy\n\nrunpy.run_module("checker", run_name="__main__", alter_sys=True)\n'
# The first moment that a ZIP archive can name.
TIME = (1980, 1, 1, 0, 0, 0)
UNIX, READABLE_FILE = 3, 0o100644


def single_file(kernel: Path = KERNEL) -> bytes:
    """The archive of the package in the folder `kernel`: its source files, in the order of their names.

    Stored, not compressed: compressed bytes differ between versions of zlib.
    """
    sources = {f"checker/{path.relative_to(kernel).as_posix()}": path for path in kernel.rglob("*.py")}
    contents = {"__main__.py": START, **{name: path.read_bytes() for name, path in sources.items()}}
    data = BytesIO()
    with ZipFile(data, "w", ZIP_STORED) as archive:
        for name in sorted(contents):
            entry = ZipInfo(name, TIME)
            entry.create_system, entry.external_attr = UNIX, READABLE_FILE << 16
            archive.writestr(entry, contents[name])
    return data.getvalue()


def main(arguments: list[str] | None = None) -> int:
    """Write the file and print its size and its SHA-256; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write the checker as one file, which Python runs.")
    parser.add_argument("-o", "--output", default="checker.pyz", help="file to write (default: %(default)s)")
    output = Path(parser.parse_args(arguments).output)
    data = single_file()
    output.write_bytes(data)
    print(f"{output}: {len(data)} bytes, sha256 {sha256(data).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
