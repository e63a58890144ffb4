"""Language models behind one contract, `model(tokens, targets=None) -> (logits, loss)`.

Tokens are whole numbers (n, length), logits (n, length, vocab_size): what comes after each token.
"""

from hello_dl.models.text.bigram import Bigram
from hello_dl.models.text.contract import Cache, TextModel
from hello_dl.models.text.gpt import GPT, GPTConfig
from hello_dl.models.text.mlp import TextMLP
from hello_dl.models.text.recurrent import TextRNN

__all__ = [
    "GPT", "Bigram", "Cache", "GPTConfig", "TextMLP", "TextModel", "TextRNN",
]  # fmt: skip
