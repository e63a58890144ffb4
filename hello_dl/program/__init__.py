"""A graph is a program: a Value graph, built once, compiled to run on whole batches of examples."""

from hello_dl.program.program import Program, compile

__all__ = ["Program", "compile"]
