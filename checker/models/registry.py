"""The constructors of the grammar, one line each."""

from checker.models.activations import GeluNew, Relu, Silu, Tanh
from checker.models.affine import Bias, Linear, Product, Times
from checker.models.attention import Attend
from checker.models.lookup import Add, AttendSum, Constant, Embed, EmbedAt, Rows, Total
from checker.models.norms import Center, Rms
from checker.models.syntax import Step

CONSTRUCTORS: tuple[type[Step], ...] = (
    Embed,
    EmbedAt,
    Constant,
    Linear,
    Bias,
    Times,
    Add,
    Product,
    Relu,
    GeluNew,
    Silu,
    Center,
    Rms,
    Attend,
    AttendSum,
    Rows,
    Total,
    Tanh,
)
