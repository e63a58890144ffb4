"""Text for language models: tokenizers, token files, batches, and writing token by token."""

from hello_dl.text.bpe import BPETokenizer
from hello_dl.text.tokenizer import (
    ByteTokenizer,
    CharTokenizer,
    Tokenizer,
    load_tokenizer,
    save_tokenizer,
)

__all__ = [
    "BPETokenizer", "ByteTokenizer", "CharTokenizer", "Tokenizer", "load_tokenizer",
    "save_tokenizer",
]  # fmt: skip
