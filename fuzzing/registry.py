"""Mutations by name.

A mutation takes a generator of random numbers and a `Case`, and makes another case, or None where it
does not apply.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256

from checker.certificate import Certificate
from checker.certificate_file import parse_certificate, require_sizes
from checker.errors import Declined
from checker.models.attention_only import ExactModel, parse_model
from fuzzing.certificates import file_of
from fuzzing.judge import Truth


@dataclass(frozen=True)
class Case:
    """The two files, and the truth about the model, where it is known."""

    model: bytes
    certificate: bytes
    truth: Truth | None = field(default=None, compare=False)

    @cached_property
    def parsed_model(self) -> ExactModel | None:
        try:
            return parse_model(self.model)
        except Declined:
            return None

    @cached_property
    def parsed(self) -> Certificate | None:
        """The certificate, if both files are well formed."""
        if self.parsed_model is None:
            return None
        try:
            found = parse_certificate(self.certificate)
            require_sizes(found, self.parsed_model)
        except Declined:
            return None
        return found

    def with_model(self, model: bytes) -> "Case":
        """The case of another model, whose hash takes the place of the old one in the certificate."""
        old, new = (sha256(data).hexdigest().encode() for data in (self.model, model))
        return Case(model, self.certificate.replace(old, new, 1))


Mutation = Callable[[random.Random, Case], Case | None]
OfCertificate = Callable[[random.Random, Certificate, ExactModel], Certificate | None]

# Every mutation by its name, and what it does, in a line.
MUTATIONS: dict[str, Mutation] = {}
DESCRIPTIONS: dict[str, str] = {}


def register(name: str, description: str, mutation: Mutation) -> None:
    if name in MUTATIONS:
        raise ValueError(f"two mutations are called {name}")
    MUTATIONS[name] = mutation
    DESCRIPTIONS[name] = description


def apply(name: str, rng: random.Random, case: Case) -> Case | None:
    """What the mutation makes of the case, or None where it does not apply or changes nothing."""
    changed = MUTATIONS[name](rng, case)
    return None if changed == case else changed


def of_certificates(name: str, description: str) -> Callable[[OfCertificate], OfCertificate]:
    """Registers a mutation of a parsed certificate."""

    def decorate(change: OfCertificate) -> OfCertificate:
        def mutation(rng: random.Random, case: Case) -> Case | None:
            if case.parsed is None or case.parsed_model is None:
                return None
            changed = change(rng, case.parsed, case.parsed_model)
            return None if changed is None else replace(case, certificate=file_of(changed))

        register(name, description, mutation)
        return change

    return decorate
