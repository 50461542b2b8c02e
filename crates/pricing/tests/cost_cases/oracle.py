"""What the cases cost, computed a second time, with Python's decimal.

It shares nothing with the crate, not even the price book: each case has the prices in it that somebody looked up by hand, as their source
writes them, and for how many units they are. `python3 oracle.py < cases.json > expected.json` made the committed values; a test runs
it again and compares.

The rule that both follow: a line is units times price, rounded half-even to a pico-dollar where it is none; the sum is of lines; cents
and micro-dollars are rounded half-even from the sum.
"""

import decimal
import json
import sys
from decimal import Decimal

# Thirty digits and more: no product of a case is rounded by the context.
decimal.getcontext().prec = 60
decimal.getcontext().traps[decimal.Inexact] = False

PICO = Decimal("0.000000000001")


def plain(amount):
    """The exact amount without zeros at the end and without an exponent."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def rounded(amount, step):
    return amount.quantize(Decimal(step), rounding=decimal.ROUND_HALF_EVEN)


def line(case, kind, units):
    price = case["prices"][kind]
    off = Decimal(case.get("percent_off", {}).get(kind, "0"))
    # Multiplied first and divided last, so that a division is the only step that could be inexact, and it never is to 60 digits.
    exact = Decimal(units) * Decimal(price["dollars"]) * (100 - off) / 100 / Decimal(price["per"])
    return rounded(exact, PICO)


def cost(case):
    lines = {kind: line(case, kind, units) for kind, units in case["usage"].items()}
    total = sum(lines.values(), Decimal(0))
    return {
        "name": case["name"],
        "lines": {kind: plain(amount) for kind, amount in lines.items()},
        "total": plain(total),
        "micro_dollars": format(rounded(total, "0.000001"), "f"),
        "cents": format(rounded(total, "0.01"), "f"),
    }


rows = [" " + json.dumps(cost(case)) for case in json.load(sys.stdin)]
print("[\n" + ",\n".join(rows) + "\n]")
