"""What the package itself has: `hello_dl.zeros`, `hello_dl.cat` and all that `torch.` has too.

A list and nothing else; hello_dl/__init__.py hands on every name that is imported or set here.
Python's own names that some of them hide, such as `abs`, are hidden in this file only.
"""
# ruff: noqa: F401

from math import e, inf, nan, pi

from hello_dl.backend import dtype_of
from hello_dl.backend.dtypes import finfo, iinfo
from hello_dl.backend.gemm import get_float32_matmul_precision, set_float32_matmul_precision
from hello_dl.backend.random import Generator, manual_seed
from hello_dl.creation import (
    arange,
    as_tensor,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    logspace,
    ones,
    ones_like,
    tensor,
    tril_indices,
    triu_indices,
    zeros,
    zeros_like,
)
from hello_dl.grad_mode import enable_grad, is_grad_enabled, set_grad_enabled
from hello_dl.graph import no_grad
from hello_dl.graph import no_grad as inference_mode
from hello_dl.ops.activation import relu, sigmoid, tanh
from hello_dl.ops.adaptive import adaptive_avg_pool1d
from hello_dl.ops.arrange import cat_list as cat
from hello_dl.ops.arrange import cat_list as concat
from hello_dl.ops.arrange import cat_list as concatenate
from hello_dl.ops.arrange import (
    chunk,
    column_stack,
    dstack,
    hstack,
    meshgrid,
    narrow,
    repeat_interleave,
    select,
    split,
    tensor_split,
    tile,
    unbind,
    vstack,
)
from hello_dl.ops.arrange import stack_list as stack
from hello_dl.ops.axes import broadcast_shapes
from hello_dl.ops.blend import addcdiv, addcmul, lerp
from hello_dl.ops.compare import (
    allclose,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    eq,
    equal,
    ge,
    gt,
    isclose,
    isfinite,
    isinf,
    isnan,
    le,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    ne,
)
from hello_dl.ops.compare import ge as greater_equal
from hello_dl.ops.compare import gt as greater
from hello_dl.ops.compare import le as less_equal
from hello_dl.ops.compare import lt as less
from hello_dl.ops.compare import ne as not_equal
from hello_dl.ops.conv import conv1d, conv2d
from hello_dl.ops.conv_transpose import conv_transpose1d, conv_transpose2d
from hello_dl.ops.convert import clone, detach, is_floating_point, is_tensor, numel
from hello_dl.ops.diagonal import diag, diag_embed, diagonal, trace, tril, triu
from hello_dl.ops.distance import cosine_similarity
from hello_dl.ops.einsum import einsum
from hello_dl.ops.elementwise import (
    add,
    clamp,
    clamp_max,
    clamp_min,
    div,
    floor_divide,
    maximum,
    minimum,
    mul,
    neg,
    positive,
    pow,
    reciprocal,
    remainder,
    square,
    sub,
)
from hello_dl.ops.elementwise import clamp as clip
from hello_dl.ops.elementwise import div as divide
from hello_dl.ops.elementwise import div as true_divide
from hello_dl.ops.elementwise import mul as multiply
from hello_dl.ops.elementwise import neg as negative
from hello_dl.ops.elementwise import sub as subtract
from hello_dl.ops.index import gathered as gather
from hello_dl.ops.index import index_added as index_add
from hello_dl.ops.index import index_selected as index_select
from hello_dl.ops.index import scatter_added as scatter_add
from hello_dl.ops.index import scattered as scatter
from hello_dl.ops.index import take, take_along_dim
from hello_dl.ops.mask import index_copy, index_fill, masked_fill, masked_select
from hello_dl.ops.mask import nonzero_places as argwhere
from hello_dl.ops.mask import nonzero_places as nonzero
from hello_dl.ops.matmul import (
    addmm,
    baddbmm,
    bmm,
    dot,
    inner,
    matmul,
    mm,
    mv,
    outer,
    tensordot,
)
from hello_dl.ops.measure import norm, std, var
from hello_dl.ops.pool import avg_pool1d
from hello_dl.ops.pool import max_pooled1d as max_pool1d
from hello_dl.ops.pool import max_pooled2d as max_pool2d
from hello_dl.ops.reduce import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    count_nonzero,
    cumprod,
    cumsum,
    logsumexp,
    mean,
    prod,
    sum,
)
from hello_dl.ops.shape import (
    atleast_1d,
    atleast_2d,
    broadcast_tensors,
    broadcast_to,
    flatten,
    movedim,
    permute,
    ravel,
    reshape,
    squeeze,
    t,
    transpose,
    unflatten,
    unsqueeze,
)
from hello_dl.ops.shape import movedim as moveaxis
from hello_dl.ops.shape import transpose as swapaxes
from hello_dl.ops.shape import transpose as swapdims
from hello_dl.ops.shuffle import channel_shuffle, pixel_shuffle, pixel_unshuffle
from hello_dl.ops.softmax import log_softmax, softmax
from hello_dl.ops.sort import (
    argsort,
    bincount,
    bucketize,
    kthvalue,
    max,
    median,
    min,
    searchsorted,
    sort,
    topk,
    unique,
    where,
)
from hello_dl.ops.turn import flip, fliplr, flipud, roll, rot90
from hello_dl.ops.unary import (
    abs,
    ceil,
    cos,
    erf,
    exp,
    expm1,
    floor,
    log,
    log1p,
    log2,
    log10,
    round,
    rsqrt,
    sign,
    sin,
    sqrt,
    tan,
    trunc,
)
from hello_dl.ops.unary import abs as absolute
from hello_dl.sampling import (
    bernoulli,
    multinomial,
    normal,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
)

float16 = half = dtype_of("float16")
float32 = float = dtype_of("float32")
float64 = double = dtype_of("float64")
int32 = int = dtype_of("int32")
int64 = long = dtype_of("int64")
uint8 = dtype_of("uint8")
bool = dtype_of("bool")  # bfloat16, which needs a package of its own, is made by __init__.py

__all__ = [name for name in dir() if not name.startswith("_") and name != "dtype_of"]
