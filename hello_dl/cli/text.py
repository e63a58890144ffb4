"""Language models: `hello-dl train-text` and `hello-dl write`."""

from __future__ import annotations

from typing import Annotated

import typer

from hello_dl.usage import decimal, whole


def train_text(
    config: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="shakespeare-cpu, shakespeare-gpu, names or pydoc: text and sizes."
        ),
    ] = "shakespeare-cpu",
    model: Annotated[
        str, typer.Option(metavar="NAME", help="Which model: gpt, gru, lstm, rnn, mlp or bigram.")
    ] = "gpt",
    data: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="A text file of your own, or a folder with the texts."),
    ] = None,
    tokenizer: Annotated[
        str, typer.Option(metavar="KIND", help="Tokens are: characters, bytes or bpe.")
    ] = "characters",
    steps: Annotated[
        int | None,
        typer.Option(parser=whole, metavar="N", help="Steps of training.  [as the config has it]"),
    ] = None,
    seed: Annotated[
        int, typer.Option(parser=whole, metavar="N", help="The same seed gives the same training.")
    ] = 0,
    device: Annotated[
        str, typer.Option(metavar="NAME", help="Where to compute: cpu or cuda.")
    ] = "cpu",
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder for the files.  [out/text/MODEL]")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A first look, in seconds.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Lines only, no colors.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that was stopped or killed.")
    ] = False,
) -> None:
    """Watch a language model learn to write."""
    from hello_dl.text.job import run as run_job
    from hello_dl.text.options import TextOptions

    options = TextOptions(
        config=config,
        model=model,
        data=data,
        tokenizer=tokenizer,
        steps=steps,
        seed=seed,
        device=device,
        out=out,
        quick=quick,
        plain=plain,
        resume=resume,
    )
    if run_job(options).interrupted:
        raise typer.Exit(130)


def write(
    model: Annotated[
        str, typer.Option(metavar="NAME", help="Which model: gpt, gru, lstm, rnn, mlp or bigram.")
    ] = "gpt",
    prompt: Annotated[str, typer.Option(metavar="TEXT", help="What it goes on from.")] = "",
    tokens: Annotated[
        int, typer.Option(parser=whole, metavar="N", help="How many tokens to write.")
    ] = 500,
    temperature: Annotated[
        float,
        typer.Option(
            parser=decimal, metavar="T", help="Below 1: more sure of itself. 0: no chance at all."
        ),
    ] = 0.8,
    top_k: Annotated[
        int | None,
        typer.Option(parser=whole, metavar="K", help="Only the K most probable tokens."),
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            parser=decimal, metavar="P", help="Only the fewest tokens that make up P, such as 0.9."
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(parser=whole, metavar="N", help="The same seed gives the same text."),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Folder that holds the model.  [out/text/MODEL]"),
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="NAME", help="Where to compute: cpu or cuda.")
    ] = "cpu",
) -> None:
    """Let a model that was trained write, token by token."""
    from hello_dl.text.write import WriteOptions
    from hello_dl.text.write import run as run_job

    options = WriteOptions(
        model=model,
        prompt=prompt,
        tokens=tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
        out=out,
        device=device,
    )
    try:
        run_job(options)
    except KeyboardInterrupt:
        print()
        raise typer.Exit(130) from None
