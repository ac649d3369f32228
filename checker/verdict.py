"""What is found: the verdict."""

from dataclasses import dataclass, field

from checker.text import any_number_of_digits


def percentage(part: int, whole: int) -> str:
    """`part` of `whole` in per cent, rounded down, so that only all is 100.0000%."""
    if not whole:
        return "0.0000%"
    ten_thousandths = part * 10**6 // whole
    return f"{ten_thousandths // 10**4}.{ten_thousandths % 10**4:04}%"


@dataclass
class Verdict:
    """What was found. `verdict` is "accepted", "rejected" or "declined"; only the first claims
    anything.

    accepted: at least `correct_at_least` of the `total` inputs, which are `share` of them, of the
    model whose bytes have the hash `model_sha256` are correct. The inputs are those of `task`: all
    sequences of so many `positions`, of tokens below `tokens`, or for a program those that `inputs`
    describes; `model` describes the program. `operations` is the length of the proof
    (`checker.meter`), and `unverified_rules` names those of its rules whose soundness is not proved
    by machine. `modules` are those of the kernel that were chosen for it: of its family and rules,
    and of the steps and the task of a program. rejected: some claim is not established, which does
    not make it false.

    `statement` says what is accepted in words, and `kind` of what kind that is: a "count" of
    inputs, what they weigh in a "distribution", or "statistical"; numbers of the other kinds are in
    `further` (`docs/formats.md`). `margin` is that by which inputs are correct, as a decimal
    number.
    """

    verdict: str
    reason: str = ""
    correct_at_least: int = 0
    total: int = 0
    share: str = ""
    kind: str = ""
    statement: str = ""
    margin: str = ""
    further: dict[str, int | str] = field(default_factory=dict)
    task: str = ""
    tokens: int = 0
    positions: int = 0
    inputs: str = ""
    model: str = ""
    operations: int = 0
    machine_operations: int = 0
    operations_by_rule: dict[str, int] = field(default_factory=dict)
    unverified_rules: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    model_bytes: int = 0
    certificate_bytes: int = 0
    model_sha256: str = ""
    seconds: float = 0.0

    def correctly(self) -> str:
        """What is accepted of inputs that are correct."""
        by = f" by a margin above {self.margin}" if self.margin not in ("", "0") else ""
        return f"classified correctly{by}"

    def counted(self) -> str:
        """How many inputs are correct."""
        count = f"at least {self.correct_at_least} of {self.total} inputs ({self.share})"
        return f"{count} are {self.correctly()}"

    def took_part(self, *things: object) -> None:
        """Notes the modules of functions and classes."""
        self.modules = sorted({*self.modules, *(str(thing.__module__) for thing in things)})

    @any_number_of_digits()
    def __str__(self) -> str:
        """The verdict in one line."""
        if self.verdict != "accepted":
            return f"{self.verdict}: {self.reason}"
        about = f"task {self.task} of {self.positions} tokens below {self.tokens}"
        if self.model:
            about = f"task {self.task}, inputs {self.inputs}, {self.model}"
        length, rules = f"proved in {self.operations} operations", ", ".join(self.unverified_rules)
        length += f", unverified rules: {rules}" if rules else ""
        claim = self.statement or self.counted()
        return f"accepted: {claim}, {about}, {length}, model {self.model_sha256}"
