"""Optimizers: how the parameters follow their gradients."""

from hello_dl.optim import lr_scheduler
from hello_dl.optim.adagrad import Adagrad
from hello_dl.optim.adam import Adam, AdamW
from hello_dl.optim.lion import Lion
from hello_dl.optim.muon import Muon
from hello_dl.optim.optimizer import Optimizer
from hello_dl.optim.rmsprop import RMSprop
from hello_dl.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "Muon",
    "Optimizer",
    "RMSprop",
    "lr_scheduler",
]
