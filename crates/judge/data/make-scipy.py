"""Makes scipy.json: what SciPy says of samples, as an oracle for the tests of src/classical.

python3 -m venv venv && venv/bin/pip install scipy==1.17.1 && venv/bin/python crates/judge/data/make-scipy.py > crates/judge/data/scipy.json
"""

import json
import random

import scipy
from scipy import stats

generator = random.Random(20261130)


def rounded(values, digits):
    return [round(value, digits) for value in values]


def normal(count, mean, deviation):
    return [generator.gauss(mean, deviation) for _ in range(count)]


samples = [
    ("four above four", [10.0, 20.0, 30.0, 40.0], [1.0, 2.0, 3.0, 4.0]),
    ("two of each", [1.0, 5.0], [2.0, 3.0]),
    ("the same values", [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]),
    ("mostly ties", [0.0] * 20 + [1.0] * 5, [0.0] * 28 + [1.0] * 2),
    ("many ties", rounded(normal(60, 2.5, 1.0), 0), rounded(normal(80, 2.2, 1.0), 0)),
    ("no ties", rounded(normal(30, 0.0, 1.0), 6), rounded(normal(45, 0.4, 1.0), 6)),
    ("far apart", rounded(normal(50, 10.0, 1.0), 4), rounded(normal(50, 0.0, 1.0), 4)),
    ("different variances", rounded(normal(12, 5.0, 0.1), 5), rounded(normal(9, 5.2, 4.0), 5)),
    ("a long tail", rounded([generator.lognormvariate(0, 1.5) for _ in range(200)], 4),
     rounded([generator.lognormvariate(0.1, 1.5) for _ in range(150)], 4)),
]

cases = []
for name, first, second in samples:
    def ranked(alternative):
        return stats.mannwhitneyu(first, second, alternative=alternative, method="asymptotic", use_continuity=True)

    def welch(alternative):
        return stats.ttest_ind(first, second, equal_var=False, alternative=alternative)

    greater, two_sided = ranked("greater"), ranked("two-sided")
    cases.append({
        "name": name,
        "first": first,
        "second": second,
        "mann_whitney": {
            "u": float(greater.statistic),
            "p_greater": float(greater.pvalue),
            "p_two_sided": float(two_sided.pvalue),
        },
        "welch": {
            "t": float(welch("greater").statistic),
            "freedom": float(welch("greater").df),
            "p_greater": float(welch("greater").pvalue),
            "p_two_sided": float(welch("two-sided").pvalue),
        },
    })

print(json.dumps({"made_by": f"scipy {scipy.__version__}", "cases": cases}, indent=1))
