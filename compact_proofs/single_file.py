"""The checker as one file, for whoever receives a certificate and has Python, NumPy and python-flint:

    python compact_proofs/single_file.py -o checker.pyz
    python -I checker.pyz MODEL CERTIFICATE
    python -I checker.pyz --bundle BUNDLE

The file is a ZIP archive that Python runs: the source of `checker`, a module that reads bundles, and a few lines that
start one or the other. The same source
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
# What reads bundles, with the kernel's verdict on every certificate in them.
BUNDLES = Path(__file__).resolve().with_name("bundle_file.py")
# The kernel is found in the archive that is run, before any other of its name.
START = b"""import os
import runpy
import sys

if sys.argv[1:2] == ["--bundle"]:
    import bundle_file
    from checker.__main__ import UNPRINTED

    code = bundle_file.main(sys.argv[2:])
    if code == UNPRINTED:
        os._exit(code)
    sys.exit(code)
runpy.run_module("checker", run_name="__main__", alter_sys=True)
"""
# The first moment that a ZIP archive can name.
TIME = (1980, 1, 1, 0, 0, 0)
UNIX, READABLE_FILE = 3, 0o100644


def single_file(kernel: Path = KERNEL) -> bytes:
    """The archive of the package in the folder `kernel`, its source files in the order of their names, and the rest.

    Stored, not compressed: compressed bytes differ between versions of zlib.
    """
    sources = {f"checker/{path.relative_to(kernel).as_posix()}": path for path in kernel.rglob("*.py")}
    contents = {name: path.read_bytes() for name, path in sources.items()}
    contents |= {"__main__.py": START, BUNDLES.name: BUNDLES.read_bytes()}
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
