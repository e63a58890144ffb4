"""The nets of models/, spelled once more in torch.nn: the same weights, logits, and training."""

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch, on_device, plain

import hello_dl
from hello_dl import Tensor, models, optim
from hello_dl import functional as F
from hello_dl.backend import device
from hello_dl.train import checkpoint

torch = import_torch()
each_device = pytest.mark.parametrize("where", DEVICES)
rng = np.random.default_rng(16)


def found(channels, features, kernel_size=3, stride=1):
    padding = kernel_size // 2
    kernels = torch.nn.Conv2d(channels, features, kernel_size, stride, padding, bias=False)
    return kernels, torch.nn.BatchNorm2d(features), torch.nn.ReLU()


def lenet():
    n = torch.nn
    return n.Sequential(
        n.Conv2d(1, 6, 5, padding=2), n.ReLU(), n.MaxPool2d(2),
        n.Conv2d(6, 16, 5), n.ReLU(), n.MaxPool2d(2),
        n.Flatten(), n.Linear(400, 120), n.ReLU(), n.Linear(120, 84), n.ReLU(), n.Linear(84, 10),
    )  # fmt: skip


def small_cnn():
    return torch.nn.Sequential(
        *found(1, 32, 5, 2), *found(32, 32), torch.nn.MaxPool2d(2),
        *found(32, 64), *found(64, 64), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Dropout(0.3), torch.nn.Linear(576, 10),
    )  # fmt: skip


class Zeros(torch.nn.Module):
    """A shortcut of option A: every other row and column, and channels of zeros."""

    def __init__(self, more):
        super().__init__()
        self.more = more

    def forward(self, x):
        return torch.nn.functional.pad(
            x[:, :, ::2, ::2], (0, 0, 0, 0, self.more // 2, self.more // 2)
        )


class Block(torch.nn.Module):
    def __init__(self, channels, features, stride, projection):
        super().__init__()
        self.conv1, self.bn1, _ = found(channels, features, stride=stride)
        self.conv2, self.bn2, _ = found(features, features)
        self.shortcut = torch.nn.Identity()
        if channels != features and projection:
            mix = torch.nn.Conv2d(channels, features, 1, stride, bias=False)
            self.shortcut = torch.nn.Sequential(mix, torch.nn.BatchNorm2d(features))
        elif channels != features:
            self.shortcut = Zeros(features - channels)

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


def resnet(widths, blocks, projection, channels=3):
    layers, width = [*found(channels, widths[0])], widths[0]
    for features in widths:
        for _ in range(blocks):
            stride = 1 if features in (width, widths[0]) else 2
            layers.append(Block(width, features, stride, projection))
            width = features
    ends = torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(width, 10)
    return torch.nn.Sequential(*layers, *ends)


class Doubled(torch.nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


def resnet9():
    pool = torch.nn.MaxPool2d
    return torch.nn.Sequential(
        *found(3, 64), *found(64, 128), pool(2), Doubled(*found(128, 128), *found(128, 128)),
        *found(128, 256), pool(2), *found(256, 512), pool(2),
        Doubled(*found(512, 512), *found(512, 512)),
        torch.nn.AdaptiveMaxPool2d(1), torch.nn.Flatten(), torch.nn.Linear(512, 10),
    )  # fmt: skip


NETS = {  # ours, the same in torch.nn, what a picture is, and how many to train on
    "lenet": (models.LeNet5, lenet, (1, 28, 28), 6),
    "cnn": (models.SmallCNN, small_cnn, (1, 28, 28), 6),
    "digits_resnet": (
        models.digits_resnet, lambda: resnet((16, 32, 64), 1, False, 1), (1, 28, 28), 4,
    ),
    "resnet20": (models.resnet20, lambda: resnet((16, 32, 64), 3, False), (3, 16, 16), 4),
    "resnet18": (models.resnet18, lambda: resnet((64, 128, 256, 512), 2, True), (3, 16, 16), 0),
    "resnet9": (models.ResNet9, resnet9, (3, 16, 16), 0),
}  # fmt: skip
each_net = pytest.mark.parametrize("name", NETS)


@each_device
@each_net
def test_the_same_weights_give_the_same_logits(name, where):
    make, other, shape, _ = NETS[name]
    torch.manual_seed(1)
    with device(where):
        ours, theirs = make().eval(), other().eval()
    ours.load_state_dict(theirs.state_dict())
    x = rng.standard_normal((2, *shape)).astype("float32")
    with torch.no_grad(), hello_dl.no_grad():
        y, expected = ours(Tensor(on_device(x, where))), theirs(torch.tensor(x)).numpy()
    assert_close(y, expected, rtol=1e-5, atol=1e-5)


@each_device
@pytest.mark.parametrize("name", [name for name, (*_, batch) in NETS.items() if batch])
def test_two_steps_of_training_are_the_same(name, where):
    """Parameters and running statistics, after SGD with momentum and weight decay, in float64."""
    make, other, shape, batch = NETS[name]
    torch.manual_seed(1)
    with device(where):
        ours, theirs = make().double(), other().double()
    ours.load_state_dict(theirs.state_dict())
    for net in (ours, theirs):
        for module in net.modules():
            if type(module).__name__ == "Dropout":
                module.p = 0.0
    rate = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}
    steps = optim.SGD(ours.parameters(), **rate), torch.optim.SGD(theirs.parameters(), **rate)
    for _ in range(2):
        x, labels = rng.standard_normal((batch, *shape)), rng.integers(10, size=batch)
        loss = F.cross_entropy(ours(Tensor(on_device(x, where))), on_device(labels, where))
        wanted = torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(labels))
        assert_close(loss, wanted.detach().numpy(), rtol=1e-7)
        for step, value in zip(steps, (loss, wanted)):
            step.zero_grad()
            value.backward()
            step.step()
    expected = theirs.state_dict()
    assert list(ours.state_dict()) == list(expected)
    for key, array in ours.state_dict().items():
        assert_close(array, expected[key].numpy(), rtol=1e-6, atol=1e-8, what=key)
    counts = [v for key, v in ours.state_dict().items() if key.endswith("num_batches_tracked")]
    assert all(int(count) == 2 for count in counts) and (counts or name == "lenet")


@pytest.mark.parametrize("name", ["lenet", "cnn", "resnet20"])
def test_a_file_brings_a_net_back_here_and_in_torch(name, tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    make, other, shape, _ = NETS[name]
    net, path = make(), tmp_path / "net.safetensors"
    net(Tensor(rng.standard_normal((3, *shape)).astype("float32")))  # moves running statistics
    checkpoint.save(path, net, {"net": name})
    again, theirs = make(), other()
    assert checkpoint.load(path, again)["net"] == name
    theirs.load_state_dict(safetensors.load_file(path))
    x = rng.standard_normal((2, *shape)).astype("float32")
    with torch.no_grad(), hello_dl.no_grad():
        y = net.eval()(Tensor(x))
        assert_close(again.eval()(Tensor(x)), plain(y), rtol=0, atol=0)
        assert_close(y, theirs.eval()(torch.tensor(x)).numpy(), rtol=1e-5, atol=1e-5)
