"""Data: sets of it, loaders that make batches, transforms; where it is found and how it is checked.

    train = MNIST(transform=transforms.Compose([transforms.ToTensor(), transforms.Normalize(...)]))
    for images, labels in DataLoader(train, batch_size=64, shuffle=True, num_workers=2):
        ...

The names are those of torch.utils.data, torchvision.datasets and torchvision.transforms.
"""

from hello_dl.data import transforms
from hello_dl.data.cifar import CIFAR10
from hello_dl.data.collate import default_collate, default_convert
from hello_dl.data.dataset import (
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)
from hello_dl.data.emnist import EMNIST
from hello_dl.data.folder import ImageFolder
from hello_dl.data.images import ImageSet
from hello_dl.data.loader import DataLoader
from hello_dl.data.mnist import MNIST, FashionMNIST
from hello_dl.data.randomness import current_generator
from hello_dl.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from hello_dl.data.texts import load_names, load_python_topics, load_shakespeare, load_text
from hello_dl.data.workers import get_worker_info

__all__ = [
    "CIFAR10", "EMNIST", "MNIST", "BatchSampler", "ConcatDataset", "DataLoader", "Dataset",
    "FashionMNIST", "ImageFolder", "ImageSet", "IterableDataset", "RandomSampler", "Sampler",
    "SequentialSampler", "Subset", "SubsetRandomSampler", "TensorDataset", "WeightedRandomSampler",
    "current_generator", "default_collate", "default_convert", "get_worker_info", "load_names",
    "load_python_topics", "load_shakespeare", "load_text", "random_split", "transforms",
]  # fmt: skip
