"""How each net is trained unless flags say otherwise, and that what is chosen is what happens."""

import pytest

from hello_dl import nn
from hello_dl.models import MODELS
from hello_dl.train.job_options import JobOptions
from hello_dl.train.recipes import OPTIMIZERS, RECIPES


def rates(recipe, steps):
    optimizer = recipe.make_optimizer(nn.Linear(2, 2))
    schedule = recipe.make_schedule(optimizer, steps)
    seen = []
    for _ in range(steps):
        seen.append(optimizer.lr)
        optimizer.step()
        schedule.step()
    return seen


def test_every_net_has_a_recipe():
    assert list(RECIPES) == list(MODELS)
    for recipe in RECIPES.values():
        assert recipe.optimizer in OPTIMIZERS
        assert recipe.schedule in ("falling", "one-cycle")
        assert recipe.augmented_epochs >= recipe.epochs > recipe.quick.epochs


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_what_happens_without_flags(name):
    options, recipe = JobOptions(model=name), RECIPES[name]
    chosen = options.recipe
    assert chosen.epochs == (recipe.augmented_epochs if recipe.augment else recipe.epochs)
    assert (chosen.optimizer, chosen.lr, chosen.batch_size, chosen.augment) == (
        recipe.optimizer, recipe.lr, recipe.batch_size, recipe.augment,
    )  # fmt: skip
    assert JobOptions(model=name, quick=True).recipe.epochs == recipe.quick.epochs


def test_flags_say_otherwise():
    chosen = JobOptions(
        model="cnn", epochs=2, batch_size=512, lr=0.01, optimizer="sgd", augment=False
    ).recipe
    assert (chosen.epochs, chosen.batch_size, chosen.lr, chosen.augment) == (2, 512, 0.01, False)
    assert chosen.optimizer == "sgd"
    assert JobOptions(model="cnn", augment=False).recipe.epochs == RECIPES["cnn"].epochs
    assert JobOptions(model="lenet", augment=True).recipe.augment


def test_another_optimizer_has_its_own_rate():
    assert JobOptions(model="lenet", optimizer="sgd").recipe.lr == OPTIMIZERS["sgd"].lr
    assert JobOptions(model="lenet", optimizer="sgd", lr=0.3).recipe.lr == 0.3
    same = RECIPES["lenet"].optimizer
    assert JobOptions(model="lenet", optimizer=same).recipe.lr == RECIPES["lenet"].lr


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_one_cycle_goes_up_and_down_with_every_optimizer(optimizer):
    seen = rates(JobOptions(model="cnn", lr=0.25, optimizer=optimizer).recipe, 20)
    top = seen.index(max(seen))
    assert max(seen) == pytest.approx(0.25) and 3 <= top <= 8
    assert seen[: top + 1] == sorted(seen[: top + 1])
    assert seen[top:] == sorted(seen[top:], reverse=True)
    assert seen[-1] < 0.01


def test_falling_is_a_straight_line_to_0():
    seen = rates(JobOptions(model="mlp", lr=0.4).recipe, 8)
    assert seen == pytest.approx([0.4 * (1 - i / 8) for i in range(8)])


def test_the_nets_that_suit_a_task():
    assert (JobOptions().net, JobOptions("letters").net) == ("mlp", "lenet")
    assert (JobOptions().folder, JobOptions("letters").folder) == ("out/digits", "out/letters")
    assert JobOptions("letters", model="cnn").net == "cnn"


def test_what_is_said_of_a_recipe():
    assert RECIPES["mlp"].way == "sgd, learning rate 0.05 falling to 0"
    assert "up to" in RECIPES["lenet"].way
    assert RECIPES["mlp"].in_words.startswith("10 epochs, 25 with --augment; batches of 64; sgd")
    assert RECIPES["cnn"].in_words.startswith("--augment, ")


def test_a_run_that_goes_on_keeps_its_recipe():
    begun = JobOptions(model="cnn", epochs=3, seed=4).state_dict()
    assert (begun["model"], begun["batch_size"], begun["augment"]) == ("cnn", 128, True)
    there = JobOptions(resume=True).as_in(begun)
    assert there.recipe == JobOptions(model="cnn", epochs=3).recipe and there.seed == 4
    with pytest.raises(ValueError, match="--model is cnn in the run to go on with, not lenet"):
        JobOptions(resume=True, model="lenet").as_in(begun)
    with pytest.raises(ValueError, match="--augment is True .*, not False: leave --augment out"):
        JobOptions(resume=True, augment=False).as_in(begun)
