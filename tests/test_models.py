"""The nets of models/: how large they are, what they take, and that they learn."""

import numpy as np
import pytest
from helpers import DEVICES, assert_close, plain

import hello_dl
from hello_dl import check, nn, optim
from hello_dl import functional as F
from hello_dl.backend import device
from hello_dl.models import (
    MODELS,
    LeNet5,
    ResNet9,
    SmallCNN,
    digits_resnet,
    make_model,
    resnet18,
    resnet20,
)
from hello_dl.models.resnet import BasicBlock, Shortcut

each_device = pytest.mark.parametrize("where", DEVICES)

SIZES = [  # (net, parameters): counted by hand, and as published
    (LeNet5, 61_706),
    (SmallCNN, 71_466),
    (digits_resnet, 75_002),
    (resnet20, 269_722),  # 0.27 million in table 6 of the paper, with shortcuts of option A
    (resnet18, 11_173_962),
    (ResNet9, 6_573_130),
]


@pytest.mark.parametrize("make, count", SIZES, ids=lambda x: getattr(x, "__name__", ""))
def test_parameters(make, count):
    assert sum(p.numel() for p in make().parameters()) == count


@pytest.mark.parametrize("make, count", SIZES, ids=lambda x: getattr(x, "__name__", ""))
def test_the_summary_of_a_net(make, count):
    net = make()
    channels = next(net.parameters()).shape[1]
    shape = (1, channels, 28, 28) if channels == 1 else (1, channels, 16, 16)
    found = hello_dl.summary(net, shape)
    assert found.parameters == found.trainable == count
    assert found.rows[0].output == found.rows[-1].output == "(1, 10)"
    assert all(row.output for row in found.rows), "every module has an output"
    assert found.totals().startswith(f"{count:,} parameters, all trainable")


def test_the_gradients_of_a_net_are_those_of_nudging():
    hello_dl.manual_seed(3)
    layers = [nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.GELU(), nn.MaxPool2d(2)]
    layers += [BasicBlock(4, 8, 2, projection=True), nn.ConvTranspose2d(8, 2, 2, stride=2)]
    layers += [nn.InstanceNorm2d(2), nn.Upsample(scale_factor=2, mode="bilinear"), nn.AvgPool2d(3)]
    net = nn.Sequential(*layers).double()
    x = hello_dl.randn(3, 2, 8, 8)
    assert check.gradients(net, x) <= 1e-6
    kernels = net[0].weight

    def with_kernels(weight):
        return net[1:](F.conv2d(x.double(), weight, padding=1))

    assert check.gradients(with_kernels, kernels.detach()) <= 1e-6


def test_projections_instead_of_zeros():
    net = nn.Sequential(*(BasicBlock(c, 2 * c, 2, projection=True) for c in (16, 32)))
    plain_net = nn.Sequential(*(BasicBlock(c, 2 * c, 2) for c in (16, 32)))
    more = sum(p.numel() for p in net.parameters()) - sum(p.numel() for p in plain_net.parameters())
    assert more == 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64


@pytest.mark.parametrize("make", [resnet20, ResNet9], ids=lambda f: f.__name__)
def test_nets_for_color_pictures(make):
    hello_dl.manual_seed(0)
    net = make(classes=7).eval()
    with hello_dl.no_grad():
        assert net(hello_dl.randn(2, 3, 32, 32)).shape == (2, 7)


@each_device
@pytest.mark.parametrize("name", MODELS)
def test_a_net_learns_a_few_pictures_by_heart(name, where):
    with device(where):
        hello_dl.manual_seed(0)
        net = make_model(name, classes=4)
        pictures, labels = hello_dl.rand(8, 1, 28, 28), hello_dl.tensor([0, 1, 2, 3] * 2)
        optimizer = optim.Adam(net.parameters(), lr=0.01)
        losses = []
        for _ in range(20):
            loss = F.cross_entropy(net(pictures), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert net(pictures).shape == (8, 4)
    assert losses[-1] < 0.7 * losses[0]


def test_the_shortcut_leaves_out_rows_and_adds_channels():
    x = hello_dl.arange(32.0).reshape(1, 2, 4, 4)
    y = plain(Shortcut(2, 4, 2)(x))
    assert y.shape == (1, 4, 2, 2)
    assert not y[:, [0, 3]].any()
    assert_close(y[:, 1:3], plain(x)[:, :, ::2, ::2])


def test_a_block_that_has_learned_nothing_gives_back_what_is_positive():
    block = BasicBlock(3, 3).eval()
    nn.init.zeros_(block.bn2.weight)
    x = hello_dl.randn(2, 3, 5, 5)
    assert_close(block(x), np.maximum(plain(x), 0))


def test_an_unknown_name():
    with pytest.raises(ValueError, match="no net .alexnet.; --model takes mlp, mlp-large, lenet"):
        make_model("alexnet")
