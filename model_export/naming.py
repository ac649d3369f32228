"""The names under which libraries store the weights of a one-layer attention-only transformer.

A naming scheme is a table from the names of a file to the short names of TransformerLens and of
this project. Everything that a file contains beyond the seven matrices must be known to leave the
model as it is (a bias of zeros, a causal mask), or the file is refused. `docs/weights.md` says
where the names come from, and what a state dictionary cannot tell.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from model_export.errors import OtherFamily, UnsupportedWeights

# The axes of each matrix; sizes are bound in this order, so an error names the later tensor.
AXES = {
    "W_E": ("vocabulary", "width"),
    "W_pos": ("positions", "width"),
    "W_Q": ("width", "head_width"),
    "W_K": ("width", "head_width"),
    "W_V": ("width", "head_width"),
    "W_O": ("head_width", "width"),
    "W_U": ("width", "outputs"),
}
PER_HEAD = ("W_Q", "W_K", "W_V", "W_O")


@dataclass(frozen=True)
class Scheme:
    """One way of storing the model.

    `matrices` maps short names to the names in the file, `biases` and `ignored` list what else may
    occur, `mask` may hold an attention mask. `head_axis` tells whether the matrices in `PER_HEAD`
    lead with an axis of heads (`None`: either way); those in `transposed` are stored as the weights
    of a PyTorch linear layer, which are [outputs of the layer, inputs of the layer].
    """

    title: str
    matrices: dict[str, str]
    biases: tuple[str, ...]
    head_axis: bool | None
    transposed: tuple[str, ...] = ()
    mask: str | None = None
    ignored: tuple[str, ...] = ()


SCHEMES = (
    Scheme(
        title="short names",
        matrices={name: name for name in AXES},
        biases=("b_Q", "b_K", "b_V", "b_O", "b_U"),
        head_axis=None,
    ),
    Scheme(
        title="TransformerLens 2 and 3",
        matrices={
            "W_E": "embed.W_E",
            "W_pos": "pos_embed.W_pos",
            **{name: f"blocks.0.attn.{name}" for name in PER_HEAD},
            "W_U": "unembed.W_U",
        },
        biases=(*(f"blocks.0.attn.b_{letter}" for letter in "QKVO"), "unembed.b_U"),
        head_axis=True,
        mask="blocks.0.attn.mask",
        # What is written over masked scores; the mask is checked to mask nothing that is read.
        ignored=("blocks.0.attn.IGNORE",),
    ),
    Scheme(
        title="TransformerLens 4, native model",
        matrices={
            "W_E": "tok_embed.weight",
            "W_pos": "pos.weight",
            **{f"W_{letter}": f"layers.0.attn.{letter.lower()}.weight" for letter in "QKVO"},
            "W_U": "head.weight",
        },
        biases=(*(f"layers.0.attn.{letter}.bias" for letter in "qkvo"), "head.bias"),
        head_axis=False,
        transposed=(*PER_HEAD, "W_U"),
    ),
    Scheme(
        title="TransformerLens 4, bridge",
        matrices={
            "W_E": "embed.weight",
            "W_pos": "pos_embed.weight",
            **{f"W_{letter}": f"blocks.0.attn.{letter.lower()}.weight" for letter in "QKVO"},
            "W_U": "unembed.weight",
        },
        biases=(*(f"blocks.0.attn.{letter}.bias" for letter in "qkvo"), "unembed.bias"),
        head_axis=False,
        transposed=(*PER_HEAD, "W_U"),
    ),
)

# Why a tensor that no scheme knows is refused; the first pattern that occurs in its name tells.
REFUSED = (
    (r"^(blocks|layers)\.(?!0\.)\d+\.", "more than one layer is not supported"),
    (r"(^|\.)ln|norm", "LayerNorm and RMSNorm are not supported"),
    (r"(^|\.)mlp(\.|$)", "MLPs are not supported"),
    (
        r"rotary|rel_pos|alibi|inv_freq|(cos|sin)_cached",
        "only learned absolute positions are supported",
    ),
)


# Whatever has a name.
Named = TypeVar("Named")
# What wrappers put before every name: DataParallel, torch.compile, a module that holds the model.
PREFIXES = ("module.", "_orig_mod.", "model.")


def canonical_weights(
    tensors: Mapping[str, npt.NDArray[np.generic]], positions: int | None = None
) -> dict[str, npt.NDArray[np.float64]]:
    """The seven matrices of the model by short name, from `tensors` under any one naming scheme.

    Returns W_E [vocabulary, width], W_pos [positions, width], W_Q, W_K, W_V [width, head_width],
    W_O [head_width, width] and W_U [width, outputs] in float64, each whole. The model is run on
    `positions` tokens, by default as many as W_pos has rows. What wrappers put before every name is
    left out.

    Raises `UnsupportedWeights`, naming the tensor, for a missing or unknown tensor, a mixture of
    schemes, inconsistent shapes, fewer positions than asked for, more than one head or layer, NaN
    and infinity, biases that are not zero, and attention masks that hide anything from the last
    position.
    """
    tensors = without_prefixes(tensors)
    scheme = _scheme_of(tensors)
    for name in sorted(tensors):
        _check_accessory(scheme, name, tensors[name])
    for name in scheme.matrices.values():
        if name not in tensors:
            raise UnsupportedWeights(f"tensor {name}: missing (naming scheme: {scheme.title})")
    sizes: dict[str, int] = {}
    matrices = {short: _matrix(scheme, short, tensors[name], sizes) for short, name in scheme.matrices.items()}
    stored = sizes["positions"]
    if positions is not None and not 1 <= positions <= stored:
        name = scheme.matrices["W_pos"]
        raise UnsupportedWeights(f"tensor {name}: {stored} positions, {positions} asked for")
    positions = stored if positions is None else positions
    if scheme.mask is not None and scheme.mask in tensors:
        _check_mask(scheme.mask, tensors[scheme.mask], stored, positions)
    return matrices


def without_prefixes(tensors: Mapping[str, Named]) -> dict[str, Named]:
    """`tensors` without what wrappers, one or several, put before every name."""
    found = dict(tensors)
    while found:
        common = next((p for p in PREFIXES if all(name.startswith(p) for name in found)), None)
        if common is None:
            break
        found = {name.removeprefix(common): tensor for name, tensor in found.items()}
    return found


def _scheme_of(tensors: Mapping[str, npt.NDArray[np.generic]]) -> Scheme:
    """The scheme that the names of `tensors` follow."""
    found = [(scheme, name) for scheme in SCHEMES for name in scheme.matrices.values() if name in tensors]
    if not found:
        names = ", ".join(sorted(tensors)[:3]) or "no tensors"
        raise OtherFamily(f"no known naming scheme: found {names}")
    (scheme, name), (other, odd) = found[0], found[-1]
    if other is not scheme:
        raise UnsupportedWeights(
            f"tensor {odd}: of naming scheme {other.title}, but tensor {name} is of {scheme.title}"
        )
    return scheme


def _check_accessory(scheme: Scheme, name: str, tensor: npt.NDArray[np.generic]) -> None:
    """Refuse the tensor `name` unless it is one of the matrices or leaves the model as it is."""
    if name in (*scheme.matrices.values(), scheme.mask, *scheme.ignored):
        return
    if name in scheme.biases:
        if np.any(tensor != 0):
            raise OtherFamily(f"tensor {name}: biases that are not zero are not supported")
    else:
        reason = next((why for what, why in REFUSED if re.search(what, name)), "unknown tensor")
        raise OtherFamily(f"tensor {name}: {reason}")


def _check_mask(name: str, mask: npt.NDArray[np.generic], stored: int, positions: int) -> None:
    """Refuse the attention mask `mask` (true where a row may attend) if it has any effect.

    The model is read at the last of `positions`, from which a causal mask hides nothing. An empty
    mask is the placeholder of versions that build a causal mask while they run.
    """
    if mask.shape == (0, 0):
        return
    if mask.shape != (stored, stored) or mask.dtype != np.bool_:
        raise UnsupportedWeights(
            f"tensor {name}: shape {list(mask.shape)} of {mask.dtype}, "
            f"expected [positions={stored}, positions={stored}] of bool"
        )
    if not np.all(mask[positions - 1, :positions]):
        raise UnsupportedWeights(f"tensor {name}: the mask hides positions from the last one")


def _matrix(
    scheme: Scheme, short: str, tensor: npt.NDArray[np.generic], sizes: dict[str, int]
) -> npt.NDArray[np.float64]:
    """The matrix `short`, from its `tensor`; binds its axes in `sizes`, or compares with them."""
    name = scheme.matrices[short]
    if tensor.dtype.kind != "f" or tensor.dtype.itemsize > 8:
        raise UnsupportedWeights(f"tensor {name}: type {tensor.dtype}, expected float16 to float64")
    matrix = tensor.astype(np.float64)
    axes: tuple[str, ...] = AXES[short][::-1] if short in scheme.transposed else AXES[short]
    if short in PER_HEAD and scheme.head_axis is not False:
        if matrix.ndim == 3 and len(matrix) != 1:
            raise OtherFamily(f"tensor {name}: {len(matrix)} heads, one is supported")
        if matrix.ndim == 3:
            matrix = matrix[0]
        elif scheme.head_axis:
            axes = ("heads", *axes)
    found = dict(zip(axes, matrix.shape, strict=False))
    if matrix.ndim != len(axes) or any(sizes.get(axis, found[axis]) != found[axis] for axis in axes):
        expected = ", ".join(f"{axis}={sizes[axis]}" if axis in sizes else axis for axis in axes)
        raise UnsupportedWeights(f"tensor {name}: shape {list(tensor.shape)}, expected [{expected}]")
    sizes.update(found)
    for value in ("NaN", "infinity"):
        places = np.argwhere(np.isnan(matrix) if value == "NaN" else np.isinf(matrix))
        if len(places):
            raise UnsupportedWeights(f"tensor {name}: {value} at {places[0].tolist()}")
    return matrix.T if short in scheme.transposed else matrix
