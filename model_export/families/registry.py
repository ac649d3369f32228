"""The formats of weights, one line each."""

from collections.abc import Callable

from model_export.families.pizza_and_clock import concatenated_mlp, pizza_and_clock
from model_export.families.small_models import attention_only, linear_sum, max_of_two, pytorch_transformer
from model_export.families.transformer_lens import transformer_lens
from model_export.families.transformer_lens_4 import transformer_lens_4
from model_export.program import Builder, Settings, Tensors

FORMATS: dict[str, Callable[[Builder, Tensors, Settings], None]] = {
    "transformer_lens": transformer_lens,
    "transformer_lens_4": transformer_lens_4,
    "pizza_and_clock": pizza_and_clock,
    "concatenated_mlp": concatenated_mlp,
    "linear_sum": linear_sum,
    "attention_only": attention_only,
    "max_of_two": max_of_two,
    "pytorch_transformer": pytorch_transformer,
}
