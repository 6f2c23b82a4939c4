#!/usr/bin/env python3
"""Reference values for ../serving_reference.rs and the unit test of Student's t, made with
NumPy and SciPy.

Run from this folder: pip install numpy scipy && python3 make.py
"""

import json

import numpy as np
import scipy
from scipy import stats

rng = np.random.default_rng(20260201)
QUANTILES = [0.5, 0.9, 0.95, 0.99, 0.999]


def keep(name, cases):
    with open(f"{name}.json", "w") as file:
        text = json.dumps({"made_with": f"numpy {np.__version__}, scipy {scipy.__version__}", "cases": cases})
        file.write(text.replace(' {"', '\n{"') + "\n")


def two_sided(n, p, level=0.95):
    """Largest l with P(Bin < l) <= a, smallest u with P(Bin >= u) <= a; null without either."""
    a = (1 - level) / 2
    k = np.arange(0, n + 2)
    low = k[stats.binom.cdf(k - 1, n, p) <= a].max()
    high = k[stats.binom.sf(k - 1, n, p) <= a].min()
    return [int(low), int(high)] if low >= 1 and high <= n else None


def one_sided(n, p, level=0.95):
    k = np.arange(0, n + 2)
    high = k[stats.binom.sf(k - 1, n, p) <= 1 - level].min()
    return int(high) if high <= n else None


keep(
    "ranks",
    [
        {"n": n, "p": p, "two_sided": two_sided(n, p), "one_sided": one_sided(n, p)}
        for n in [*range(1, 80), 100, 298, 299, 300, 367, 368, 369, 1000, 2994, 2995, 3687, 3688, 20000, 1000000]
        for p in QUANTILES
    ],
)


def interval(sorted_values, p):
    ranks = two_sided(len(sorted_values), p)
    return [int(sorted_values[rank - 1]) for rank in ranks] if ranks else None


def bound(sorted_values, p):
    rank = one_sided(len(sorted_values), p)
    return int(sorted_values[rank - 1]) if rank else None


def spread(n):
    ns = np.round(np.exp(rng.normal(18, 0.7, n))).astype(int)
    ordered = np.sort(ns)
    return {
        "ns": ns.tolist(),
        "mean": float(ns.mean()),
        "stddev": float(ns.std(ddof=1)) if n > 1 else 0.0,
        "quantiles": np.quantile(ns, QUANTILES, method="linear").tolist(),
        "intervals": [interval(ordered, p) for p in QUANTILES],
        "bounds": [bound(ordered, p) for p in QUANTILES],
    }


keep("spreads", [spread(n) for n in (1, 2, 5, 6, 29, 36, 60, 100, 400)])

keep(
    "student_t",
    [
        {"freedom": freedom, "level": level, "t": float(stats.t.ppf(0.5 + level / 2, freedom))}
        for freedom in (5.0, 5.37, 7.5, 10.0, 19.0, 60.0)
        for level in (0.8, 0.95, 0.99)
    ],
)
