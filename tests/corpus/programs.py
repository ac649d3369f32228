"""Cases of programs, models of version 2, and their certificates: files put together from text alone."""

from collections.abc import Sequence
from hashlib import sha256

from files import Case

# Logits 1 at the token of position 1 and 1/2 at that of position 0, so that input (2, 0) is wrong and no other.
# The sets are {0, 1, 2} and {0, 2}; the inputs in order are 00 02 10 12 20 22.
PROGRAM = """\
compact-proofs-model 2
task max 2 0 1
positions 2
3 0 1 2
2 0 2
tensors 2
tensor 0 3 3 0
1 0 0
0 1 0
0 0 1
tensor 1 3 3 -1
1 0 0
0 1 0
0 0 1
steps 5
embed_at 0 1
embed_at 1 0
add 0 1
relu 2
linear 3 0
end
"""
Interval = tuple[int, int, int]
ALL = ((0, 5, 4),)
BITS = ("8 8 8",)


def certificate(model: str, intervals: Sequence[Interval] = ALL, passes: Sequence[str] = BITS) -> str:
    """A certificate about a program."""
    return "".join(
        [
            "compact-proofs-certificate 2\n",
            f"model {sha256(model.encode()).hexdigest()}\n",
            f"correct {sum(correct for _, _, correct in intervals)}\n",
            "rule evaluate\n",
            f"passes {len(passes)}\n",
            *(f"{sizes}\n" for sizes in passes),
            f"intervals {len(intervals)}\n",
            *(f"{first} {last} {correct}\n" for first, last, correct in intervals),
            "end\n",
        ]
    )


def changed(old: str, new: str, text: str = PROGRAM) -> str:
    if text.count(old) != 1:
        raise ValueError(f"{old!r} stands {text.count(old)} times")
    return text.replace(old, new)


def _case(name: str, reason: str, model: str, text: str, keyword: str = "", correct: int = -1) -> Case:
    """Accepted where `correct` is given, else refused for a reason with the keyword in it."""
    verdict = "accepted" if correct >= 0 else "rejected" if "claimed" in keyword or "ascending int" in keyword else ""
    data = model.encode(), text.encode()
    if correct >= 0:
        return Case(f"program-{name}", verdict, *data, reason, correct, program=True)
    return Case(f"program-{name}", verdict or "declined", *data, reason, keywords=(keyword,), program=True)


def last_steps(*steps: str) -> str:
    """The program with other steps in place of the last two."""
    lines = "".join(f"{step}\n" for step in steps)
    return changed("steps 5", f"steps {3 + len(steps)}").replace("relu 2\nlinear 3 0\n", lines)


# Steps after the sum, and how many of the six inputs are right and shown to be at 40 bits.
KEEP_ORDER = {
    "relu": (("relu 2", "linear 3 0"), 4),
    "silu": (("silu 2", "linear 3 0"), 4),
    "gelu-new": (("gelu_new 2", "linear 3 0"), 4),
    "tanh": (("tanh 2", "linear 3 0"), 4),
    "square": (("product 2 2", "linear 3 0"), 4),
    "layer-norm": (("center 2", "rms 3 5902958103587057 -69"), 4),
    "rms": (("rms 2 1 -10",), 4),
    "uniform-attention": (("attend_sum 2 causal",), 4),
    "softmax-of-one": (("attend 2 2 2 full 1 0 3",), 4),
    "negated": (("attend 2 2 2 full -1 0 3",), 4),
    "total": (("total 2",), 4),
    "rows": (("rows 2 1 0",), 4),
    "doubled": (("add 2 2",), 4),
}

# A causal transformer in short: queries and keys are the embedding itself, so that a position mostly copies itself.
ATTENTION = changed("steps 5", "steps 2", PROGRAM).split("embed_at")[0] + "embed 0\nattend 0 0 0 causal 5 1 1\nend\n"


def accepted() -> list[Case]:
    cases = [
        _case("with-every-input", "four of six inputs are right", PROGRAM, certificate(PROGRAM), correct=4),
        _case("without-intervals", "nothing is claimed", PROGRAM, certificate(PROGRAM, ()), correct=0),
        _case(
            "with-three-intervals",
            "two claims of one input, and one of nothing",
            PROGRAM,
            certificate(PROGRAM, ((0, 0, 1), (1, 3, 1), (5, 5, 0))),
            correct=2,
        ),
        _case(
            "with-a-second-pass",
            "the first pass shows two of the four",
            PROGRAM,
            certificate(PROGRAM, ALL, ("1 1 1", "8 8 8")),
            correct=4,
        ),
    ]
    for name, (steps, correct) in KEEP_ORDER.items():
        model = last_steps(*steps)
        text = certificate(model, ((0, 5, correct),), ("40 40 42",))
        cases.append(_case(f"step-{name}", "the order of the logits stays", model, text, correct=correct))
    sort = changed("task max 2 0 1", "task copy 2 0 1", ATTENTION)
    text = certificate(sort, ((0, 5, 6),), ("20 20 20",))
    cases.append(_case("two-answers", "each position copies itself, mostly", sort, text, correct=6))
    return cases


# What is wrong with a model, by what takes the place of what, and a part of the reason.
MODELS = {
    "task-unknown": ("task max", "task most", "expected max or min or"),
    "task-position-beyond": ("max 2 0 1", "max 2 0 2", "task max"),
    "task-without-positions": ("max 2 0 1", "max 0", "task max"),
    "task-automaton-without-table": ("max 2 0 1", "automaton 3 0 0 1", "task automaton"),
    "task-sum-modulo-0": ("max 2 0 1", "sum_modulo 3 0 0 1", "task sum_modulo"),
    "task-parameter-negative": ("max 2 0 1", "sum_modulo 3 -5 0 1", "expected an integer from 0"),
    "tokens-that-descend": ("2 0 2", "2 2 0", "ascending"),
    "tokens-none": ("2 0 2", "0", "expected an integer from 1"),
    "token-beyond-the-embedding": ("2 0 2", "2 0 3", "token"),
    "position-beyond": ("embed_at 1 0", "embed_at 2 0", "position"),
    "shapes-that-differ": ("embed_at 1 0", "embed 0", "shape"),
    "value-of-a-later-step": ("add 0 1", "add 0 2", "expected an integer from 0 to 1"),
    "tensor-beyond": ("linear 3 0", "linear 3 2", "expected an integer from 0 to 1"),
    "step-unknown": ("relu 2", "gelu 2", "expected embed or"),
    "bias-of-three-rows": ("relu 2", "bias 2 0", "shape of the weights"),
    "eps-even": ("relu 2", "rms 2 2 0", "eps"),
    "eps-zero": ("relu 2", "rms 2 0 0", "expected an integer from 1"),
    "eps-negative": ("relu 2", "rms 2 -1 0", "expected an integer from 1"),
    "scale-even": ("relu 2", "attend 2 2 2 causal 2 0 1", "scale"),
    "mask-unknown": ("relu 2", "attend 2 2 2 half 1 0 1", "expected causal or full"),
    "divisor-0": ("relu 2", "attend 2 2 2 full 1 0 0", "expected an integer from 1"),
    "row-beyond": ("relu 2", "rows 2 1 1", "row"),
    "rows-none": ("relu 2", "rows 2 0", "expected an integer from 1"),
    "steps-fewer": ("steps 5", "steps 4", "expected end"),
    "steps-more": ("steps 5", "steps 6", "expected embed or"),
    "exponent-not-canonical": ("1 0 0\n0 1 0\n0 0 1\ntensor 1", "2 0 0\n0 2 0\n0 0 2\ntensor 1", "not canonical"),
    "tensor-number-2": ("tensor 1 3 3 -1", "tensor 2 3 3 -1", "expected 1"),
    "tensor-without-rows": ("tensor 1 3 3 -1", "tensor 1 0 3 -1", "expected an integer from 1"),
}
# A false claim about a changed model: what a kernel would accept that forgets what the name says.
FORGOTTEN = {
    "bias": (("bias 2 2", "linear 3 0"), "tensor 2 1 3 0\n0 9 0\n"),
    "mask-off-by-one": (("attend_sum 2 causal", "linear 3 2"), "tensor 2 3 3 0\n0 0 0\n0 0 0\n0 0 0\n"),
}
CERTIFICATES = {
    "version-1": ("certificate 2", "certificate 1", "expected 2"),
    "rule-unknown": ("rule evaluate", "rule guess", "expected evaluate"),
    "passes-none": ("passes 1\n8 8 8", "passes 0", "max_passes"),
    "exponential-bits-below-value-bits": ("8 8 8", "8 8 7", "expected an integer from 8"),
    "claim-negative": ("0 5 4", "0 5 -4", "expected an integer from 0"),
    "claim-with-a-zero-before": ("0 5 4", "0 5 04", "canonical"),
    "intervals-fewer-than-stated": ("intervals 1", "intervals 2", "canonical"),
    "more-after-the-end": ("\nend\n", "\nend\n\n", "end of the file"),
}
CLAIMS: dict[str, tuple[Interval, ...]] = {
    "one-too-many": ((0, 5, 5),),
    "a-wrong-input": ((4, 4, 1),),
    "beyond-the-last-sequence": ((0, 6, 4),),
    "that-descends": ((3, 2, 0),),
    "that-overlaps": ((0, 1, 1), (1, 2, 1)),
    "out-of-order": ((3, 3, 1), (0, 1, 1)),
    "of-2-to-the-64": ((0, 5, 2**64 + 4),),
}


def refused() -> list[Case]:
    cases = []
    for name, (old, new, keyword) in MODELS.items():
        model = changed(old, new)
        cases.append(_case(name, f"one field is wrong: {name}", model, certificate(model, ()), keyword))
    for name, (old, new, keyword) in CERTIFICATES.items():
        text = changed(old, new, certificate(PROGRAM))
        cases.append(_case(f"certificate-{name}", f"one field is wrong: {name}", PROGRAM, text, keyword))
    for name, intervals in CLAIMS.items():
        keyword = "claimed" if name in ("one-too-many", "a-wrong-input", "of-2-to-the-64") else "ascending intervals"
        text = certificate(PROGRAM, intervals)
        cases.append(_case(f"claim-{name}", "the intervals claim what is not so", PROGRAM, text, keyword))
    for name, (steps, tensor) in FORGOTTEN.items():
        model = last_steps(*steps).replace("tensors 2", "tensors 3").replace("steps", tensor + "steps")
        reason = f"the logits are not those without: {name}"
        cases.append(_case(f"forgotten-{name}", reason, model, certificate(model), "claimed 4 correct"))
    automaton = "automaton 11 0 0 2 2 0 0 1 0 1 2 1"  # token 1 leaves state 0 where it is, and should not
    model = changed("task max 2 0 1", f"task {automaton}").replace("2 0 2", "2 0 1")
    cases.append(
        _case("wrong-automaton-state", "one input is wrong", model, certificate(model, ((0, 3, 4),)), "claimed 4")
    )
    total = certificate(PROGRAM).replace("correct 4", "correct 5")
    cases.append(_case("total-one-too-many", "the total is not that of the intervals", PROGRAM, total, "claimed 5"))
    other = changed("relu 2", "silu 2")
    text = certificate(PROGRAM)
    cases.append(_case("of-another-hash", "the claim is about another model", other, text, "claimed SHA-256"))
    few = certificate(PROGRAM, ALL, ("1 1 1",))
    cases.append(_case("with-few-bits", "true, but not shown with one bit", PROGRAM, few, "claimed 4 correct"))
    return cases
