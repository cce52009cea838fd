"""How many ops and cases there are, and the worst errors of gradients: what `tests/test_ops.py` checks, as figures.

python tools/op_report.py
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from test_ops import CASES, draw  # noqa: E402

from npslim.autograd import check_gradients  # noqa: E402
from npslim.registry import REGISTRY  # noqa: E402


def main():
    """Print the figures."""
    stateful = sum(op.stateful for op in REGISTRY.values())
    with_gradient = sum(op.vjp_rule is not None for op in REGISTRY.values())
    print(f"ops {len(REGISTRY)}: {with_gradient} with a gradient rule, {stateful} stateful; cases {len(CASES)}")
    worst = {}
    for op, case in (p.values for p in CASES):
        if not (case.gradient and op.vjp_rule):
            continue
        for r in check_gradients(lambda *xs, op=op, case=case: op(*xs, **case.attrs), draw(case), order=case.gradient):
            worst.setdefault((r.method, r.order), []).append((r.error, op.name))
    for (method, order), found in sorted(worst.items()):
        error, name = max(found)
        median = np.median([e for e, _ in found])
        print(f"{method:13s} order {order}: {len(found):4d} checks, worst {error:.1e} ({name}), median {median:.1e}")


if __name__ == "__main__":
    main()
