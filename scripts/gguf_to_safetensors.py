"""Writes a GGUF as a folder with safetensors: gguf_to_safetensors.py MODEL.gguf FOLDER."""

import os
import sys

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

source, target = sys.argv[1:]
folder, name = os.path.split(os.path.abspath(source))
loaded = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.bfloat16)
config = AutoConfig.from_pretrained(folder, gguf_file=name)
# The weights are plain numbers now; what they were says the configuration still.
if hasattr(config, "quantization_config"):
    del config.quantization_config
model = type(loaded)(config).to(torch.bfloat16)
model.load_state_dict(loaded.state_dict())
model.save_pretrained(target)
AutoTokenizer.from_pretrained(folder, gguf_file=name).save_pretrained(target)
