"""All changes to a certificate or its model that the fuzzer knows, each with a name and a description."""

# Imported for the mutations that they register, in the order of the report.
from fuzzing import mutations_of_groups, mutations_of_models, mutations_of_tables, mutations_of_text
from fuzzing.registry import DESCRIPTIONS, MUTATIONS, Case, apply

__all__ = ["DESCRIPTIONS", "KINDS", "MUTATIONS", "Case", "apply"]

KINDS = (mutations_of_groups, mutations_of_tables, mutations_of_models, mutations_of_text)
