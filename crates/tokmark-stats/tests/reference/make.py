#!/usr/bin/env python3
"""Reference values for tests/reference.rs, made with NumPy, SciPy and statsmodels.

Run from this folder: pip install numpy scipy statsmodels && python3 make.py
"""

import json

import numpy as np
import scipy
from scipy import stats
from statsmodels.stats.multitest import multipletests

rng = np.random.default_rng(20260101)


def keep(name, cases):
    with open(f"{name}.json", "w") as file:
        text = json.dumps({"made_with": f"numpy {np.__version__}, scipy {scipy.__version__}", "cases": cases})
        file.write(text.replace(' {"', '\n{"') + "\n")


def samples():
    """Sizes from 1 to 101, smooth, tied and heavy-tailed."""
    for n in (1, 2, 5, 6, 7, 10, 28, 101):
        yield rng.normal(100, 5, n)
        yield rng.integers(90, 110, n).astype(float)
        yield np.exp(rng.normal(0, 1, n))


LEVELS = [0.0, 0.1, 0.5, 0.9, 0.99, 1.0]

keep(
    "quantiles",
    [
        {
            "values": x.tolist(),
            "p": LEVELS,
            "quantiles": np.quantile(x, LEVELS, method="linear").tolist(),
            "median": float(np.median(x)),
            "mad": float(stats.median_abs_deviation(x)),
        }
        for x in samples()
    ],
)


def ranks(n, level):
    """Largest l with 1 - 2 P(Bin(n, 1/2) < l) >= level, and n + 1 - l; null without one."""
    best = None
    for l in range(1, n // 2 + 1):
        if 1 - 2 * stats.binom.cdf(l - 1, n, 0.5) >= level:
            best = [l, n + 1 - l]
    return best


keep(
    "ranks",
    [
        {"n": n, "level": level, "ranks": ranks(n, level)}
        for n in [*range(1, 61), 80, 112, 160, 224, 400, 1000, 3000]
        for level in (0.9, 0.95, 0.99, 0.9999)
    ],
)


def mann_kendall(x):
    """Two-sided p: normal approximation, ties and continuity corrected (Gilbert 1987, 16.4)."""
    n = len(x)
    s = sum(np.sign(x[j] - x[i]) for i in range(n) for j in range(i + 1, n))
    _, counts = np.unique(x, return_counts=True)
    variance = (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in counts)) / 18
    if variance == 0:
        return 1.0
    return float(min(1.0, 2 * stats.norm.sf(max(0, abs(s) - 1) / np.sqrt(variance))))


def lag1(x):
    d = x - x.mean()
    return float((d[:-1] * d[1:]).sum() / (d * d).sum())


def trend_case(x):
    tau = stats.kendalltau(np.arange(len(x)), x)
    return {
        "values": x.tolist(),
        "theil_sen": float(stats.theilslopes(x, np.arange(len(x))).slope),
        "mann_kendall": mann_kendall(x),
        "kendalltau_p": float(tau.pvalue),
        "lag1": lag1(x),
        "rank_lag1": lag1(stats.rankdata(x)),
    }


keep(
    "trends",
    [
        trend_case(x)
        for n in (8, 15, 28, 80)
        for x in (
            rng.normal(100, 5, n),
            rng.normal(100, 5, n) + 10 * np.arange(n) / n,
            np.round(rng.normal(100, 2, n)),
            np.cumsum(rng.normal(0, 1, n)) + 100,
        )
    ],
)

keep(
    "sign_tests",
    [
        {"values": x.tolist(), "p": float(stats.binomtest(int((x > 0).sum()), len(x), 0.5).pvalue)}
        for x in (rng.normal(shift, 1, n) for n in (7, 20, 100) for shift in (0.0, 0.1, 1.0))
    ],
)

keep(
    "holm",
    [
        {"p": p.tolist(), "adjusted": multipletests(p, method="holm")[1].tolist()}
        for p in (rng.uniform(0, 1, n) ** 3 for n in (1, 2, 5, 20))
    ],
)
