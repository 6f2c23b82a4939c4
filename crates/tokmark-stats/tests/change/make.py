#!/usr/bin/env python3
"""Reference values for ../change_reference.rs and the unit test of rank sums, made with Apache
Otava, MongoDB's signal-processing-algorithms, and SciPy.

Run from this folder: pip install numpy scipy apache-otava signal-processing-algorithms && python3 make.py
"""

import json
from importlib.metadata import version

import numpy as np
from otava.change_point_divisive.calculator import PairDistanceCalculator
from otava.change_point_divisive.detector import ChangePointDetector
from otava.change_point_divisive.significance_test import PermutationsSignificanceTester
from scipy import stats
from signal_processing_algorithms.determinism import deterministic_numpy_random
from signal_processing_algorithms.energy_statistics.energy_statistics import e_divisive

rng = np.random.default_rng(20260301)
PERMUTATIONS = 999
PACKAGES = ["numpy", "scipy", "apache-otava", "signal-processing-algorithms"]


def keep(name, cases):
    with open(f"{name}.json", "w") as file:
        made_with = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
        text = json.dumps({"made_with": made_with, "cases": cases})
        file.write(text.replace(' {"values', '\n{"values').replace(' {"n"', '\n{"n"') + "\n")


def history(levels, spread):
    """Log-normal rates: (values, level) after (values, level)."""
    level = np.concatenate([np.full(n, rate) for n, rate in levels])
    return level * np.exp(rng.normal(0, spread, len(level)))


def split(logs):
    """The paper's statistic at its maximum over all (index, end), by Otava."""
    best = PairDistanceCalculator(logs).get_candidate_change_point(slice(None, None))
    return {"index": int(best.index), "q": float(best.qhat)}


def case(rates):
    logs = np.log(rates)
    tester = PermutationsSignificanceTester(0.05, PERMUTATIONS, PairDistanceCalculator, seed=1)
    points = ChangePointDetector(tester, PairDistanceCalculator).get_change_points(logs)
    # Any level passes: the p value of the first test, significant or not.
    first = PermutationsSignificanceTester(1.0, PERMUTATIONS, PairDistanceCalculator, seed=2)
    calculator = PairDistanceCalculator(logs)
    everything = [slice(0, None)]
    candidate = calculator.get_next_candidate(everything)
    with deterministic_numpy_random(1):
        mongodb = e_divisive(logs.tolist(), pvalue=0.05, permutations=PERMUTATIONS)
    return {
        "values": rates.tolist(),
        "split": split(logs),
        "split_backwards": split(logs[::-1].copy()),
        "first_p": float(first.change_point(candidate, logs, everything).stats.pvalue),
        "otava": [
            {"index": int(p.index), "q": float(p.qhat), "p": float(p.stats.pvalue)} for p in points
        ],
        "mongodb": sorted(int(index) for index in mongodb),
    }


keep(
    "points",
    [
        case(history(levels, spread))
        for levels, spread in [
            ([(30, 50)], 0.02),
            ([(60, 50)], 0.01),
            ([(15, 50), (15, 45)], 0.01),
            ([(20, 50), (20, 47.5)], 0.01),
            ([(40, 50), (6, 46)], 0.015),
            ([(12, 50), (28, 52)], 0.02),
            ([(8, 50), (8, 50)], 0.03),
            ([(20, 50), (20, 49.2)], 0.02),
            ([(25, 50), (25, 45), (25, 50)], 0.01),
            ([(15, 20), (20, 25), (10, 30), (25, 24)], 0.01),
        ]
    ],
)


def difference_rank(n, m, level=0.95):
    """Largest k with P(U < k) <= (1 - level) / 2, from SciPy's exact Mann-Whitney test."""
    k = 0
    for u in range(n * m + 1):
        # Two samples without ties of which just u pairs have the first's value larger.
        places, left = np.zeros(n, dtype=int), u
        for i in range(n):
            places[i] = min(m, left)
            left -= places[i]
        x = places + 0.5 + np.linspace(0, 0.1, n)
        p = stats.mannwhitneyu(x, np.arange(1, m + 1), alternative="less", method="exact")
        assert p.statistic == u
        if p.pvalue > (1 - level) / 2:
            break
        k = u + 1
    return k or None


keep(
    "difference_ranks",
    [
        {"n": n, "m": m, "rank": difference_rank(n, m)}
        for n, m in [(1, 5), (2, 8), (3, 3), (3, 5), (4, 4), (5, 7), (10, 10), (3, 40), (20, 25)]
    ]
    # Above what is counted out; SciPy's exact value is matched within 1.
    + [{"n": n, "m": m, "rank": difference_rank(n, m)} for n, m in [(5, 60), (30, 40), (60, 80)]],
)
