"""The verified checker declines, in so many words, what only the Python kernel has rules for."""

from hashlib import sha256

import pytest
from small_models import shipped
from test_margin import PROGRAM
from verified_checker import require_verified

from certificates.exact import exact_proof
from certificates.sampling import prove_sample
from certificates.strategies import find_proof
from checker import check
from compact_proofs.isolated import CheckerFailed
from compact_proofs.verified import check_both, check_verified
from fuzzing.models import model_file

TINY = model_file(shipped("tiny"))
CASES = {
    "margin": (TINY, exact_proof(TINY, None, (1, -3)).proof.certificate),
    "margin of a program": (PROGRAM, find_proof(PROGRAM, "evaluate", margin=(1, 0)).certificate),
    "sample": (TINY, prove_sample(TINY, 20, 100).certificate),
    "sample of a program": (PROGRAM, prove_sample(PROGRAM, 20, 100).certificate),
}


@pytest.mark.parametrize("name", CASES)
def test_rules_without_a_proof_are_named(name: str) -> None:
    require_verified()
    files, rule = CASES[name], name.split()[0]
    assert check(*files).unverified_rules == [rule]
    verdict = check_verified(*files)
    assert (verdict.verdict, verdict.correct_at_least) == ("declined", 0)
    assert verdict.reason == f"certificate: the rule `{rule}` is not verified"
    with pytest.raises(CheckerFailed, match=f"no verdict of both kernels: certificate: the rule `{rule}`"):
        check_both(*files)


@pytest.mark.parametrize("name", CASES)
def test_a_claim_about_another_model_is_no_disagreement(name: str) -> None:
    """The Python kernel rejects it before any rule is used."""
    require_verified()
    (model, certificate), rule = CASES[name], name.split()[0]
    changed = model, certificate.replace(sha256(model).hexdigest().encode(), b"0" * 64)
    verdict = check(*changed)
    assert verdict.verdict == "rejected" and verdict.unverified_rules == [rule]
    with pytest.raises(CheckerFailed, match="no verdict of both kernels"):
        check_both(*changed)


def test_a_margin_of_no_input_is_named() -> None:
    header = b"compact-proofs-certificate 2\nmodel %s\ncorrect 0\n" % sha256(PROGRAM).hexdigest().encode()
    verdict = check(PROGRAM, header + b"margin 1 0\nrule evaluate\npasses 1\n1 1 1\nintervals 0\nend\n")
    assert verdict.verdict == "accepted" and verdict.unverified_rules == ["margin"]
