"""Text for language models: tokenizers, token files, batches, and writing token by token."""

from hello_dl.text.bpe import BPETokenizer
from hello_dl.text.corpus import (
    OrderedWindows,
    RandomWindows,
    open_tokens,
    read_text,
    split,
    write_tokens,
)
from hello_dl.text.generate import generate
from hello_dl.text.tokenizer import (
    ByteTokenizer,
    CharTokenizer,
    Tokenizer,
    load_tokenizer,
    save_tokenizer,
)

__all__ = [
    "BPETokenizer", "ByteTokenizer", "CharTokenizer", "OrderedWindows", "RandomWindows",
    "Tokenizer", "generate", "load_tokenizer", "open_tokens", "read_text", "save_tokenizer",
    "split", "write_tokens",
]  # fmt: skip
