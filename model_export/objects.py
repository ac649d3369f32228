"""Weights that are in memory: state dictionaries, and objects that have one.

Nothing of PyTorch or TransformerLens is imported: a tensor is what has the methods of one, a model what has a
`state_dict`, and a configuration what has a `to_dict`, as those of TransformerLens do. float16, bfloat16, float32 and
float64 embed exactly in float64, so that nothing is rounded.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import numpy as np

from model_export.configuration import Configuration
from model_export.errors import UnsupportedWeights
from model_export.weights_files import STATE_DICT_ADVICE, SUPPORTED_TYPES, Array, Checkpoint, divided

FLOATS = ("float16", "bfloat16", "float32", "float64")


@runtime_checkable
class Module(Protocol):
    """What has a state dictionary: a `HookedTransformer`, a `TransformerBridge`, any `torch.nn.Module`.

    Where it has a configuration, `cfg`, as models of TransformerLens do, that is read as well.
    """

    def state_dict(self) -> Mapping[str, Any]:
        """Tensors by name."""


@runtime_checkable
class Settings(Protocol):
    """A configuration as an object, such as `HookedTransformerConfig`."""

    def to_dict(self) -> dict[str, Any]:
        """Values by key."""


@runtime_checkable
class Tensor(Protocol):
    """What a tensor of PyTorch has, wherever it is and whatever its type."""

    @property
    def dtype(self) -> object:
        """The type of its numbers, such as `torch.bfloat16`."""

    def detach(self) -> Any:
        """The same without its gradient."""


def module_checkpoint(source: Module | Mapping[str, object]) -> Checkpoint:
    """The tensors of an object in memory, and the configuration that it has, if any.

    A mapping is a state dictionary of tensors or NumPy arrays, of any shape, or a checkpoint that holds one
    (`docs/weights.md`). Raises `UnsupportedWeights`, which names the tensor.
    """
    configuration: object
    if isinstance(source, Mapping):
        state, configuration = divided(source, "the dictionary")
    elif isinstance(source, Module):
        state, cfg = source.state_dict(), getattr(source, "cfg", None)
        configuration = cfg if isinstance(cfg, Mapping | Settings) else None
    else:
        raise UnsupportedWeights(f"a {type(source).__name__} has no state_dict")
    tensors = {str(name): array(str(name), tensor) for name, tensor in state.items()}
    return Checkpoint(tensors, None if configuration is None else plain(configuration))


def array(name: str, tensor: object) -> Array:
    """The tensor `name` as float64 or Booleans, of the same shape. Raises `UnsupportedWeights`."""
    if isinstance(tensor, Tensor):
        kind = str(tensor.dtype).removeprefix("torch.")
        if kind not in (*FLOATS, "bool"):
            raise UnsupportedWeights(f"tensor {name}: type {kind}, supported: {SUPPORTED_TYPES}")
        with _readable(name):
            dense = tensor.detach().cpu()
            return np.array((dense if kind == "bool" else dense.double()).numpy())
    if not isinstance(tensor, np.ndarray | np.floating):
        raise UnsupportedWeights(f"tensor {name}: a {type(tensor).__name__}, not a tensor; {STATE_DICT_ADVICE}")
    if tensor.dtype.newbyteorder("=") in (np.float16, np.float32, np.float64):
        return np.array(tensor, dtype=np.float64)
    if tensor.dtype == np.bool_:
        return np.array(tensor)
    raise UnsupportedWeights(f"tensor {name}: type {tensor.dtype}, supported: {SUPPORTED_TYPES}")


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """What is no dense tensor of numbers in memory fails in as many ways as there are of these."""
    try:
        yield
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise UnsupportedWeights(f"tensor {name}: not a dense tensor: {reason}") from error


def plain(configuration: object) -> Configuration:
    """A configuration in memory as it would be read from JSON: what JSON has no notion of is text."""
    if isinstance(configuration, Settings):
        configuration = configuration.to_dict()
    if not isinstance(configuration, Mapping):
        raise UnsupportedWeights(f"configuration: a {type(configuration).__name__}, not a dictionary")
    found: dict[str, object] = json.loads(json.dumps(dict(configuration), default=str))
    return found
