"""Where the shipped trained models are: in the installed package, or in the clone beside it."""

from pathlib import Path

# What `demo` proves, and where it writes.
MODEL = "max-of-4-seed-0"
OUTPUT = "compact-proofs-output"

PACKAGE = Path(__file__).parent


def shipped_models() -> dict[str, Path]:
    """The weights files of the shipped models, by name. Raises `FileNotFoundError` without any."""
    for directory in (PACKAGE / "models", PACKAGE.parent / "models"):
        found = {path.stem: path for path in sorted(directory.glob("*.safetensors"))}
        if found:
            return found
    raise FileNotFoundError("the shipped models are missing; install again from the repository")


def shipped_model(name: str) -> Path:
    """The weights file of one shipped model. Raises `ValueError` for an unknown name."""
    models = shipped_models()
    if name not in models:
        raise ValueError(f"model {name!r} is not shipped; there are: {', '.join(models)}")
    return models[name]
