"""The main job: `hello-dl digits` and `hello-dl letters`, which share all of their options."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from hello_dl.usage import decimal, whole

DataOption = Annotated[
    str | None,
    typer.Option(
        metavar="DIR", help="Folder that holds MNIST or EMNIST, or `strokes` for drawn ones."
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Which net: mlp, mlp-large, lenet, cnn or resnet.  [digits: mlp, letters: lenet]",
    ),
]
EpochsOption = Annotated[
    int | None,
    typer.Option(parser=whole, metavar="N", help="Times through the data.  [as below]"),
]
BatchSizeOption = Annotated[
    int | None,
    typer.Option(parser=whole, metavar="N", help="Pictures that a step learns from.  [as below]"),
]
OptimizerOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="sgd, adam, adamw, rmsprop, adagrad or lion.  [as below]"),
]
RateOption = Annotated[
    float | None,
    typer.Option(
        "--lr",
        parser=decimal,
        metavar="RATE",
        help="The largest learning rate; it falls to 0.  [as below]",
    ),
]
AugmentOption = Annotated[
    bool | None,
    typer.Option(
        "--augment/--no-augment",
        help="Turn, shift and scale the pictures a little, always anew.  [as below]",
    ),
]
SeedOption = Annotated[
    int, typer.Option(parser=whole, metavar="N", help="The same seed gives the same training.")
]
OutOption = Annotated[
    str | None, typer.Option(metavar="DIR", help="Folder for the files.  [out/digits, out/letters]")
]
QuickOption = Annotated[bool, typer.Option("--quick", help="A first look, in seconds.")]
PlainOption = Annotated[bool, typer.Option("--plain", help="One line an epoch, no colors.")]
DeviceOption = Annotated[str, typer.Option(metavar="NAME", help="Where to compute: cpu or cuda.")]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Go on with the run that was stopped or killed.")
]
ShowOption = Annotated[
    int | None,
    typer.Option(parser=whole, metavar="N", help="Train nothing: load the net and read N of them."),
]


class WithRecipes(TyperCommand):
    """A command whose --help ends with how each net is trained."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the table."""
        from hello_dl.train.recipes import RECIPES

        with formatter.section("Unless flags say otherwise"):
            formatter.write_dl([(name, recipe.in_words) for name, recipe in RECIPES.items()])


def learn(
    context: typer.Context,
    model: ModelOption = None,
    augment: AugmentOption = None,
    data: DataOption = None,
    epochs: EpochsOption = None,
    batch_size: BatchSizeOption = None,
    optimizer: OptimizerOption = None,
    lr: RateOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "cpu",
    out: OutOption = None,
    quick: QuickOption = False,
    plain: PlainOption = False,
    resume: ResumeOption = False,
    show: ShowOption = None,
) -> None:
    """Train a net in the task that the command is named after."""
    from hello_dl.train import job

    options = job.JobOptions(
        name=str(context.info_name),
        model=model,
        augment=augment,
        data=data,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        lr=lr,
        seed=seed,
        device=device,
        out=out,
        quick=quick,
        plain=plain,
        resume=resume,
        show=show,
    )
    if job.run(options).interrupted:
        raise typer.Exit(130)
