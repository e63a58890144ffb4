"""Transforms of pictures, under torchvision's names: `from hello_dl.data import transforms`.

    transforms.Compose([
        transforms.RandomAffine(10, translate=(0.1, 0.1), interpolation="bilinear"),
        transforms.ToTensor(),
        transforms.Normalize(0.1307, 0.3081),
    ])

Give it to a data set as `transform=`. Every picture of a batch gets its own random numbers, and the
same ones in every run with the same seed. base.py says which pictures are understood.
"""

from hello_dl.data.transforms.base import Transform
from hello_dl.data.transforms.basic import Compose, Lambda, Normalize, ToTensor
from hello_dl.data.transforms.geometry import (
    CenterCrop,
    Pad,
    RandomCrop,
    RandomHorizontalFlip,
    RandomVerticalFlip,
    Resize,
)
from hello_dl.data.transforms.noise import GaussianNoise, RandomErasing
from hello_dl.data.transforms.warp import ElasticTransform, RandomAffine, RandomRotation

__all__ = [
    "CenterCrop", "Compose", "ElasticTransform", "GaussianNoise", "Lambda", "Normalize", "Pad",
    "RandomAffine", "RandomCrop", "RandomErasing", "RandomHorizontalFlip", "RandomRotation",
    "RandomVerticalFlip", "Resize", "ToTensor", "Transform",
]  # fmt: skip
