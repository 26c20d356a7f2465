"""How often a thing is tried: the whole number in the profile `deep`, a share of it otherwise; and what came of it."""

import os
from collections import Counter

DEEP = os.environ.get("MINIDL_PROFILE") == "deep"
_MARK = "survived: "


def summary(reports):
    """Lines that say how much was survived, from the properties of test reports."""
    sums = Counter()
    for report in reports:
        for name, number in (
            getattr(report, "user_properties", ()) if getattr(report, "when", "") == "call" else ()
        ):
            if name.startswith(_MARK):
                sums[name.removeprefix(_MARK)] += number
    return [f"{number:7,} {name}" for name, number in sorted(sums.items())]
