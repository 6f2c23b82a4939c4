#!/usr/bin/env python3
"""Reference values for tests/sessions.rs, made with NumPy and SciPy.

Run from this folder: pip install numpy scipy && python3 make.py
"""

import json
import math

import numpy as np
import scipy
from scipy import stats

rng = np.random.default_rng(20260101)


def median_interval(times):
    """Exact binomial order-statistic interval of the median, 95 %."""
    n = len(times)
    rank = max(l for l in range(1, n // 2 + 1) if 1 - 2 * stats.binom.cdf(l - 1, n, 0.5) >= 0.95)
    ordered = np.sort(times)
    return float(np.median(times)), float(ordered[rank - 1]), float(ordered[n - rank])


def session(n, centre):
    return np.round(centre * np.exp(rng.normal(0, 0.03, n)) * 1e9).astype(int)


cases = []
for n, m, ratio in [(6, 6, 1.0), (7, 7, 1.05), (7, 6, 0.9), (10, 20, 1.02), (28, 28, 1.0), (40, 14, 1.3)]:
    a, b = session(n, 1.0), session(m, 1.0 / ratio)
    (ma, la, ha), (mb, lb, hb) = median_interval(a), median_interval(b)
    d = math.log(ma / mb)
    low = d - math.hypot(math.log(hb / mb), math.log(ma / la))
    high = d + math.hypot(math.log(mb / lb), math.log(ha / ma))
    cases.append(
        {
            "a_ns": a.tolist(),
            "b_ns": b.tolist(),
            "ratio": math.exp(d),
            "low": math.exp(low),
            "high": math.exp(high),
            # For orientation: it must not contradict a verdict.
            "mann_whitney_p": float(stats.mannwhitneyu(a, b).pvalue),
        }
    )

with open("sessions.json", "w") as file:
    text = json.dumps({"made_with": f"numpy {np.__version__}, scipy {scipy.__version__}", "cases": cases})
    file.write(text.replace(' {"', '\n{"') + "\n")
