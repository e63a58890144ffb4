"""Training: the loop, what is measured, what is saved, and the main job `hello-dl digits`."""

from hello_dl.train.evaluate import evaluate, predict
from hello_dl.train.fit import fit
from hello_dl.train.live import live
from hello_dl.train.lr_finder import find_lr
from hello_dl.train.metrics import accuracy
from hello_dl.train.nonfinite import NonFiniteError
from hello_dl.train.records import Epoch, Step

__all__ = [
    "Epoch",
    "NonFiniteError",
    "Step",
    "accuracy",
    "evaluate",
    "find_lr",
    "fit",
    "live",
    "predict",
]
