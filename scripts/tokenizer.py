"""Writes the tokenizer of a GGUF as Hugging Face's libraries read it: tokenizer.py MODEL FOLDER.

For byte-level BPE, as SmolLM2 has it. Neither transformers nor torch is needed.
"""

import json
import os
import struct
import sys

# GGUF's types of values, as struct has them; 8 is a text and 9 a list.
NUMBERS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
TEXT, LIST = 8, 9
CONTROL = 3


class Reader:
    """Reads the metadata at the beginning of a GGUF."""

    def __init__(self, file):
        self.file = file

    def number(self, code):
        size = struct.calcsize("<" + code)
        return struct.unpack("<" + code, self.file.read(size))[0]

    def text(self):
        return self.file.read(self.number("Q")).decode("utf-8", "replace")

    def value(self, kind):
        if kind == TEXT:
            return self.text()
        if kind == LIST:
            kind = self.number("I")
            return [self.value(kind) for _ in range(self.number("Q"))]
        return self.number(NUMBERS[kind])

    def metadata(self):
        if self.file.read(4) != b"GGUF":
            raise SystemExit(f"{self.file.name} is no GGUF")
        _version, _n_tensors, n_values = self.number("I"), self.number("Q"), self.number("Q")
        values = {}
        for _ in range(n_values):
            name = self.text()
            values[name] = self.value(self.number("I"))
        return values


def tokenizer_of(metadata):
    """What tokenizer.json holds."""
    tokens = metadata["tokenizer.ggml.tokens"]
    kinds = metadata["tokenizer.ggml.token_type"]
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": n, "content": token, "special": True, **flags}
            for n, (token, kind) in enumerate(zip(tokens, kinds))
            if kind == CONTROL
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level],
        },
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "vocab": {token: n for n, token in enumerate(tokens)},
            "merges": metadata["tokenizer.ggml.merges"],
        },
    }


def write_tokenizer(model, folder):
    """Writes tokenizer.json and its configuration."""
    with open(model, "rb") as file:
        metadata = Reader(file).metadata()
    tokens = metadata["tokenizer.ggml.tokens"]
    end = tokens[metadata["tokenizer.ggml.eos_token_id"]]
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": tokens[metadata["tokenizer.ggml.bos_token_id"]],
        "eos_token": end,
        "pad_token": end,
        "chat_template": metadata.get("tokenizer.chat_template"),
        "model_max_length": metadata["llama.context_length"],
        "clean_up_tokenization_spaces": False,
    }
    os.makedirs(folder, exist_ok=True)
    files = {"tokenizer_config.json": config, "tokenizer.json": tokenizer_of(metadata)}
    for name, content in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            json.dump(content, file)


if __name__ == "__main__":
    write_tokenizer(*sys.argv[1:])
