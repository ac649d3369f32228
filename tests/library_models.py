"""Models of TransformerLens, version 2 or 4, trained by the library: from memory to a verdict.

`tests/transformer_lens` runs this where the library is installed; other tests do without it.
"""

import sys
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from compact_proofs import check, evaluate, export, prove

sys.path.append(str(Path(__file__).parent.parent / "docs" / "examples"))
from in_memory import CFG, trained

VERSION = int(version("transformer-lens").partition(".")[0])
INPUTS = torch.tensor(list(product(range(CFG["d_vocab"]), repeat=2)))


@pytest.fixture(scope="module")
def hooked() -> Any:
    return trained()


def answers(hooked: Any, inputs: torch.Tensor) -> torch.Tensor:
    """The library's own logits at the last position."""
    with torch.no_grad():
        return hooked(inputs)[:, -1]


def test_five_lines_from_a_trained_model_to_a_verdict(hooked: Any) -> None:
    model = export(hooked, task="max", positions=2)
    certificate = prove(model, "evaluate")
    verdict = check(model, certificate)
    right = int((answers(hooked, INPUTS).argmax(-1) == INPUTS.max(-1).values).sum())
    assert verdict.accepted and verdict.correct_at_least == right
    assert (verdict.total, verdict.bound.denominator <= len(INPUTS)) == (len(INPUTS), True)
    assert right > 0.8 * len(INPUTS)
    assert model.configuration == "stored" and "tokens 0-7 x2" in model.assumed


def test_biases_are_those_that_were_trained(hooked: Any) -> None:
    biases = [tensor for name, tensor in hooked.state_dict().items() if ".b_" in name or name.endswith(".bias")]
    # Version 4 leaves that of the unembedding as it is, at 0.
    assert len(biases) == 5 and sum(bool(bias.any()) for bias in biases) == (5 if VERSION < 4 else 4)


def test_logits_are_those_of_the_library(hooked: Any) -> None:
    found = evaluate(export(hooked, positions=2), INPUTS.tolist())
    logits = np.array([answer.logits[0] for answer in found])
    np.testing.assert_allclose(logits, answers(hooked, INPUTS).numpy(), atol=1e-4)


def test_a_wrapped_model_is_the_same(hooked: Any) -> None:
    """As `torch.compile`, `DataParallel` and trainers store it, in a checkpoint."""
    expected = export(hooked, tokens="0-7 x2", task="max").data
    for prefix in ("module.", "_orig_mod.", "model._orig_mod."):
        state = {prefix + name: tensor for name, tensor in hooked.state_dict().items()}
        assert export(state, config=hooked.cfg, tokens="0-7 x2", task="max").data == expected
        checkpoint = {"model_state_dict": state, "cfg": hooked.cfg.to_dict(), "epoch": 3}
        assert export(checkpoint, tokens="0-7 x2", task="max").data == expected


@pytest.mark.skipif(VERSION != 2, reason="processing in place, as version 2 has it")
def test_folding_and_centring_are_told() -> None:
    from transformer_lens import HookedTransformer, HookedTransformerConfig

    cfg = HookedTransformerConfig(**{**CFG, "attn_only": False, "act_fn": "relu", "normalization_type": "LN"})
    hooked = HookedTransformer(cfg)
    with torch.no_grad():
        for name, tensor in hooked.named_parameters():
            if ".b_" in name or ".ln" in name:
                tensor.add_(0.1 * torch.randn_like(tensor))
    assert export(hooked).prepared == ()
    expected = answers(hooked, INPUTS).log_softmax(-1).numpy()
    hooked.process_weights_()
    processed = export(hooked, positions=2)
    assert processed.prepared == (
        "weights of LayerNorm folded (normalization_type LNPre)",
        "writing weights centred, as seen in the weights",
        "unembedding centred, as seen in the weights",
        "value biases folded, as seen in the weights",
    )
    logits = torch.tensor([answer.logits[0] for answer in evaluate(processed, INPUTS.tolist())])
    np.testing.assert_allclose(logits.log_softmax(-1).numpy(), expected, atol=1e-4)
