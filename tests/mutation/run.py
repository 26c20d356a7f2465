"""What would the tests not notice? Puts one fault after the other into a copy of the source and runs the tests.

    python tests/mutation/run.py                                all faults made by hand
    python tests/mutation/run.py --only "adam|lstm"             those whose name, kind or file fits
    python tests/mutation/run.py --generated 300 --seed 1       drawn ones (pip install cosmic-ray)

Exit status 1 if a fault made by hand survives.
"""

import argparse
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mutation.mutants import Mutant, by_hand, explanation, generated
from mutation.sandbox import Known, Outcome, Sandbox


def outcomes(mutants: list[Mutant], jobs: int) -> Iterable[Outcome]:
    """Test all mutants, `jobs` at a time, each job in a copy of its own."""
    with tempfile.TemporaryDirectory(prefix="minidl-mutants-") as folder:
        home = Path(folder, "home")
        home.mkdir(mode=0o700)
        free: SimpleQueue[Sandbox] = SimpleQueue()
        known = Known()
        for number in range(jobs):
            place = Path(folder, f"copy{number}")
            place.mkdir()
            free.put(Sandbox(place, home, known))

        def test(mutant: Mutant) -> Outcome:
            sandbox = free.get()
            try:
                return sandbox.test(mutant)
            finally:
                free.put(sandbox)

        with ThreadPoolExecutor(jobs) as pool:
            for done in as_completed([pool.submit(test, mutant) for mutant in mutants]):
                yield done.result()


def report(title: str, mutants: list[Mutant], jobs: int) -> list[Outcome]:
    """Test them, print a line for each and the totals; returns the unexplained survivors."""
    print(f"=== {title}: {len(mutants)}", flush=True)
    began = time.monotonic()
    kinds: Counter[str] = Counter()
    equal, hung, survived = 0, 0, []
    for done in outcomes(mutants, jobs):
        reason = explanation(done.mutant)
        word = "caught" if done.caught else "equal" if reason else "SURVIVED"
        print(
            f"{word:9}{done.seconds:6.1f} s  {done.mutant.name}  <- {done.how or reason or '?'}", flush=True
        )
        if done.caught:
            kinds[done.mutant.kind] += 1
            hung += done.how == "timeout"
        elif reason:
            equal += 1
        else:
            survived.append(done)
            print(done.mutant.diff(), flush=True)
    caught = kinds.total()
    print(*(f"{n:5}  {kind}" for kind, n in sorted(kinds.items())), sep="\n")
    minutes, share = (time.monotonic() - began) / 60, 100 * caught / max(len(mutants), 1)
    print(
        f"{title}: {caught} caught ({hung} because they took too long), {len(survived)} survived, {equal} survived "
        f"for a reason that is written down; {share:.1f} % of all caught, in {minutes:.1f} minutes"
    )
    return survived


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--hand", action="store_true", help="the faults made by hand (also without any option)"
    )
    parser.add_argument("--generated", type=int, default=0, metavar="N", help="N drawn faults")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--jobs", type=int, default=1, help="runs at the same time")
    parser.add_argument("--only", default="", metavar="PATTERN", help="a regular expression")
    arguments = parser.parse_args()

    def wanted(mutants: list[Mutant]) -> list[Mutant]:
        return [m for m in mutants if re.search(arguments.only, f"{m.name} | {m.kind} | {m.file}")]

    survived = []
    if arguments.hand or not arguments.generated:
        survived = report("Made by hand", wanted(by_hand()), arguments.jobs)
    if arguments.generated:
        drawn = generated(arguments.generated, arguments.seed)
        report(f"Generated with seed {arguments.seed}", wanted(drawn), arguments.jobs)
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
