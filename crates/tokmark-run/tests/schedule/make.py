#!/usr/bin/env python3
"""The first due times of some schedules, from the definitions alone, for ../schedule.rs.

SplitMix64, inversion for exponential gaps, Marsaglia's polar method for normal numbers,
Marsaglia and Tsang (2000) for gamma ones. Run from this folder: python3 make.py
"""

import json
import math

MASK = 2**64 - 1
ARRIVALS = 0xA4417A155C8ED01E


class Stream:
    def __init__(self, seed):
        self.state = seed ^ ARRIVALS

    def uniform(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        z ^= z >> 31
        return ((z >> 11) + 0.5) / 2**53

    def normal(self):
        while True:
            x = 2 * self.uniform() - 1
            y = 2 * self.uniform() - 1
            s = x * x + y * y
            if 0 < s < 1:
                return x * math.sqrt(-2 * math.log(s) / s)

    def gamma(self, shape):
        if shape < 1:
            larger = self.gamma(shape + 1)
            return larger * self.uniform() ** (1 / shape)
        d = shape - 1 / 3
        c = 1 / math.sqrt(9 * d)
        while True:
            x = self.normal()
            v = (1 + c * x) ** 3
            if v > 0 and math.log(self.uniform()) < 0.5 * x * x + d - d * v + d * math.log(v):
                return d * v


def due_times(seed, per_s, cv):
    stream, at = Stream(seed), 0.0
    for _ in range(12):
        yield round(at)
        gap = -math.log(stream.uniform()) if cv is None else stream.gamma(1 / cv**2) * cv**2
        at += gap * 1e9 / per_s


cases = [
    {"seed": seed, "per_s": per_s, "gamma_cv": cv, "due_ns": list(due_times(seed, per_s, cv))}
    for seed, per_s, cv in [(1, 10, None), (2**63, 2.5, None), (7, 50, 0.5), (7, 50, 2)]
]
with open("due_times.json", "w") as file:
    file.write(json.dumps({"made_with": "python", "cases": cases}).replace(' {"', '\n{"') + "\n")
