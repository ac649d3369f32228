"""Making bundles, which `compact_proofs.bundle_file` checks."""

import re
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from checker import check
from checker.errors import Declined, Rejected
from compact_proofs.bundle_file import bundle
from compact_proofs.given_files import given_models
from compact_proofs.single_file import single_file
from model_export.output_files import require_output, write_whole


def make_bundle(names: Sequence[str], output: Path) -> list[str]:
    """Write the bundle of models and their certificates to `output`; returns the names of its files.

    `names` are as for `given_models`. Every certificate is checked before. Raises `Rejected` or `Declined` for one that
    the kernel does not accept, and what `given_models` and `write_whole` raise.
    """
    require_output(output, [Path(name) for name in names])
    files: dict[str, bytes] = {}
    for model in given_models(names):
        files[_free(f"models/{_plain(model.name)}.model", files)] = model.data
        for path, certificate in model.certificates:
            verdict = check(model.data, certificate)
            if verdict.verdict != "accepted":
                raise {"rejected": Rejected, "declined": Declined}[verdict.verdict](f"{path}: {verdict.reason}")
            files[_free(f"certificates/{_plain(Path(path).stem)}.certificate", files)] = certificate
    checker_sha256 = sha256(single_file()).hexdigest()
    write_whole(output, bundle(files, f"compact-proofs {version('compact-proofs')}", checker_sha256))
    return sorted(files)


def _plain(name: str) -> str:
    """A name of letters, digits and a few signs, which no bundle has otherwise."""
    return re.sub(r"[^A-Za-z0-9_.+-]+", "-", name).strip(".-+_")[:60] or "file"


def _free(name: str, files: dict[str, bytes]) -> str:
    stem, dot, suffix = name.rpartition(".")
    names = [name, *(f"{stem}-{number}{dot}{suffix}" for number in range(2, len(files) + 3))]
    return next(one for one in names if one not in files)
