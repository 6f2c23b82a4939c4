#!/usr/bin/env python3
"""Reference values for tests/reference.rs, made with SciPy and written apart from the crate: alpha
spending, verdicts of looks, and families of comparisons.

Run from this folder: pip install numpy scipy statsmodels && python3 compare.py
"""

import json

import numpy as np
import scipy
from scipy import stats
from statsmodels.stats.multitest import multipletests

rng = np.random.default_rng(20260102)
ALPHA = 0.05


def keep(name, cases):
    with open(f"{name}.json", "w") as file:
        text = json.dumps({"made_with": f"numpy {np.__version__}, scipy {scipy.__version__}", "cases": cases})
        file.write(text.replace(' {"', '\n{"') + "\n")


def looks(n_max):
    """7, 10, 14, 20, ... and at last n_max."""
    numbers, pair = [7, 10, 14], [20, 28]
    while numbers[-1] < n_max:
        numbers += pair
        pair = [2 * n for n in pair]
    return [n for n in numbers if n < n_max] + [n_max]


def spent(n_max):
    """Kim and DeMets' power family with exponent 3: alpha (n / N)^3, spent look by look."""
    total = ALPHA * (np.array(looks(n_max)) / n_max) ** 3
    return np.diff(total, prepend=0.0)


keep(
    "spending",
    [
        {"max_pairs": n, "looks": looks(n), "alpha": spent(n).tolist(), "total": float(spent(n).sum())}
        for n in (6, 7, 8, 10, 20, 25, 28, 40, 100, 200)
    ],
)


def look(ratios, alpha, same_within):
    """The exact interval of the median at 1 - alpha and the sign test, of independent pairs."""
    x = np.sort(np.log(ratios))
    n = len(x)
    # binom.ppf gives the smallest k with P(Bin <= k) >= alpha / 2: below rank k + 1 lies too much.
    k = int(stats.binom.ppf(alpha / 2, n, 0.5))
    while k > 0 and stats.binom.cdf(k - 1, n, 0.5) > alpha / 2:
        k -= 1
    p = stats.binomtest(int((x > 0).sum()), n, 0.5).pvalue
    p = min(1.0, p * ALPHA / alpha)
    if k == 0:
        return {"low": None, "high": None, "p": p, "verdict": "undecided"}
    low, high = float(np.exp(x[k - 1])), float(np.exp(x[n - k]))
    if 1 / (1 + same_within) <= low and high <= 1 + same_within:
        verdict = "same"
    elif low > 1:
        verdict = "faster"
    elif high < 1:
        verdict = "slower"
    else:
        verdict = "undecided"
    return {"low": low, "high": high, "p": p, "verdict": verdict}


def dependent(x):
    """Whether the crate would widen: such draws are not taken, they are tested elsewhere."""
    n = len(x)
    if n < 8:
        return False
    ranks = stats.rankdata(x)
    d = ranks - ranks.mean()
    r = (d[:-1] * d[1:]).sum() / (d * d).sum()
    tau = stats.kendalltau(np.arange(n), x)
    return (r + 1 / n) * np.sqrt(n) > 1.5 or tau.pvalue < 0.05


def draw(n, effect, sd):
    while True:
        ratios = np.round(1e6 * np.exp(rng.normal(effect, sd, n))).astype(int)
        if not dependent(ratios) and (ratios != 1_000_000).all():
            return ratios


def verdict_case(n_max, n, effect, sd, same_within):
    sequential = n_max is not None
    ratios = draw(n, effect, sd)
    alpha = float(spent(n_max)[looks(n_max).index(n)]) if sequential else ALPHA
    case = {"max_pairs": n_max, "same_within": same_within, "ratios": ratios.tolist()}
    return case | look(ratios / 1e6, alpha, same_within)


keep(
    "verdicts",
    [
        verdict_case(n_max, n, effect, sd, same_within)
        for n_max, n in ((None, 6), (None, 7), (None, 20), (7, 7), (28, 10), (28, 28), (100, 20), (100, 56), (200, 160))
        for effect, sd in ((0.0, 0.002), (0.0, 0.05), (0.03, 0.02), (-0.03, 0.02), (0.2, 0.05))
        for same_within in (0.02,)
    ],
)


def family_case(n_members, n):
    """Comparisons of one look, decided together: Holm of statsmodels over the sign tests."""
    effects = rng.choice([0.0, 0.02, -0.03, 0.1], n_members)
    members = [draw(n, effect, 0.03) for effect in effects]
    said = [look(ratios / 1e6, ALPHA, 0.02) for ratios in members]
    keeps, adjusted, _, _ = multipletests([one["p"] for one in said], alpha=ALPHA, method="holm")
    called = [one["verdict"] in ("faster", "slower") for one in said]
    return {
        "families": [ratios.tolist() for ratios in members],
        "adjusted": adjusted.tolist(),
        "verdicts": [
            "undecided" if is_called and not kept else one["verdict"]
            for one, is_called, kept in zip(said, called, keeps)
        ],
        "withdrawn": [bool(is_called and not kept) for is_called, kept in zip(called, keeps)],
    }


keep("families", [family_case(n_members, n) for n_members in (2, 4, 12) for n in (7, 9, 20)])


def needed(family, sequential):
    """By search: the number of rounds from which on the smallest p value of some look suffices."""

    def can(n_max):
        numbers, alphas = (looks(n_max), spent(n_max)) if sequential else ([n_max], [ALPHA])
        p = [stats.binomtest(0, n, 0.5).pvalue * ALPHA / a for n, a in zip(numbers, alphas)]
        return min(p) * family <= ALPHA

    return max(n for n in range(1, 60) if not can(n)) + 1


keep(
    "rounds",
    [
        {"n_comparisons": family, "sequential": sequential, "rounds": needed(family, sequential)}
        for family in (1, 2, 3, 4, 6, 8, 12, 20, 100)
        for sequential in (False, True)
    ],
)
