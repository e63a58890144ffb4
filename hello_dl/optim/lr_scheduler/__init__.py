"""Schedules: the learning rate as a function of the step, under PyTorch's names."""

from hello_dl.optim.lr_scheduler.base import LRScheduler
from hello_dl.optim.lr_scheduler.composed import ChainedScheduler, SequentialLR
from hello_dl.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from hello_dl.optim.lr_scheduler.curves import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from hello_dl.optim.lr_scheduler.one_cycle import OneCycleLR
from hello_dl.optim.lr_scheduler.plateau import ReduceLROnPlateau

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts",
    "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "OneCycleLR",
    "PolynomialLR", "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip
