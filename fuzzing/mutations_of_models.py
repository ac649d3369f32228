"""Changes to the model, mostly with the hash in the certificate brought up to date, so that the kernel gets
to see them."""

import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from checker.certificate import Certificate
from checker.models.attention_only import ExactModel
from fuzzing.models import NAMES, Model, changed_entry, model_file, read_model, scaled
from fuzzing.registry import Case, of_certificates, register

OfModel = Callable[[random.Random, Model], Model]


@of_certificates("hash changed", "the certificate is about a model of another hash")
def _hash_changed(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate:
    digits = list(certificate.model_sha256)
    digits[rng.randrange(64)] = rng.choice("0123456789abcdef")
    return replace(certificate, model_sha256="".join(digits))


def of_models(name: str, description: str, up_to_date: bool = True) -> Callable[[OfModel], OfModel]:
    """Registers a mutation of the weights. The certificate keeps the old hash unless it is `up_to_date`."""

    def decorate(change: OfModel) -> OfModel:
        def mutation(rng: random.Random, case: Case) -> Case | None:
            if case.parsed_model is None:
                return None
            data = model_file(change(rng, read_model(case.model)))
            return case.with_model(data) if up_to_date else Case(data, case.certificate)

        register(name, description, mutation)
        return change

    return decorate


def _changed_weight(rng: random.Random, model: Model) -> Model:
    name = rng.choice(NAMES)
    return {**model, name: changed_entry(rng, model[name])}


of_models("weight changed", "a weight is another, and the hash is up to date")(_changed_weight)
of_models("weight changed alone", "a weight is another, and the hash is the old one", up_to_date=False)(_changed_weight)


@of_models("tensor negated", "all weights of a tensor have the other sign, and the hash is up to date")
def _tensor_negated(rng: random.Random, model: Model) -> Model:
    name = rng.choice(NAMES)
    return {**model, name: scaled(model[name], Fraction(-1))}


@of_models("tensor scaled", "a tensor is multiplied by a power of two, and the hash is up to date")
def _tensor_scaled(rng: random.Random, model: Model) -> Model:
    name = rng.choice(NAMES)
    return {**model, name: scaled(model[name], Fraction(2) ** rng.choice((1, -1, 3, -3, 10, -10, 70, -70, -2000)))}


@of_models("tensors exchanged", "two tensors of one shape change places, and the hash is up to date")
def _tensors_exchanged(rng: random.Random, model: Model) -> Model:
    one, other = rng.sample(("W_Q", "W_K", "W_V"), 2)
    return {**model, one: model[other], other: model[one]}


@of_models("tokens exchanged", "two rows of the embedding change places, and the hash is up to date")
def _tokens_exchanged(rng: random.Random, model: Model) -> Model:
    rows = list(model["W_E"])
    return {**model, "W_E": rng.sample(rows, len(rows))}
