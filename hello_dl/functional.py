"""F: the operations as functions, under the names that PyTorch users know."""

from hello_dl.ops.activation import (
    celu,
    elu,
    gelu,
    glu,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softplus,
    softsign,
    tanh,
    tanhshrink,
)
from hello_dl.ops.adaptive import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
)
from hello_dl.ops.attention import scaled_dot_product_attention
from hello_dl.ops.batch_norm import batch_normed as batch_norm
from hello_dl.ops.columns import fold, unfold
from hello_dl.ops.conv import conv1d, conv2d
from hello_dl.ops.conv_transpose import conv_transpose1d, conv_transpose2d
from hello_dl.ops.cross_entropy import cross_entropy, nll_loss
from hello_dl.ops.distance import (
    cosine_similarity,
    hinge_embedding_loss,
    huber_loss,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    multi_margin_loss,
    smooth_l1_loss,
)
from hello_dl.ops.dropout import dropout, dropout1d, dropout2d
from hello_dl.ops.embedding import embedding, one_hot
from hello_dl.ops.instance_norm import instance_normed as instance_norm
from hello_dl.ops.loss import binary_cross_entropy, binary_cross_entropy_with_logits, kl_div
from hello_dl.ops.matmul import bilinear, linear, matmul
from hello_dl.ops.measure import normalize
from hello_dl.ops.norm import group_normed as group_norm
from hello_dl.ops.norm import layer_normed as layer_norm
from hello_dl.ops.norm import rms_normed as rms_norm
from hello_dl.ops.pad import padded as pad
from hello_dl.ops.pool import avg_pool1d, avg_pool2d
from hello_dl.ops.pool import max_pooled1d as max_pool1d
from hello_dl.ops.pool import max_pooled2d as max_pool2d
from hello_dl.ops.resize import interpolated as interpolate
from hello_dl.ops.shuffle import channel_shuffle, pixel_shuffle, pixel_unshuffle
from hello_dl.ops.softmax import log_softmax, softmax, softmin
from hello_dl.ops.unary import abs, cos, exp, log, sin, sqrt
from hello_dl.ops.unpool import max_unpool1d, max_unpool2d

__all__ = [
    "abs", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "avg_pool1d", "avg_pool2d", "batch_norm", "bilinear",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "celu", "channel_shuffle", "conv1d",
    "conv2d", "conv_transpose1d", "conv_transpose2d", "cos", "cosine_similarity", "cross_entropy",
    "dropout", "dropout1d", "dropout2d", "elu", "embedding", "exp", "fold", "gelu", "glu",
    "group_norm", "hardsigmoid", "hardswish", "hardtanh", "hinge_embedding_loss", "huber_loss",
    "instance_norm", "interpolate", "kl_div", "l1_loss", "layer_norm", "leaky_relu", "linear",
    "log", "log_softmax", "logsigmoid", "margin_ranking_loss", "matmul", "max_pool1d", "max_pool2d",
    "max_unpool1d", "max_unpool2d", "mish", "mse_loss", "multi_margin_loss", "nll_loss",
    "normalize", "one_hot", "pad", "pixel_shuffle", "pixel_unshuffle", "prelu", "relu", "relu6",
    "rms_norm", "scaled_dot_product_attention", "selu", "sigmoid", "silu", "sin",
    "smooth_l1_loss", "softmax", "softmin", "softplus", "softsign", "sqrt", "tanh",
    "tanhshrink", "unfold",
]  # fmt: skip
