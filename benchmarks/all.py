"""All measurements, one after the other: about an hour with all peers, most of it TensorFlow and JAX being loaded.

    python benchmarks/all.py

Each also runs by itself. What is said to this one is handed on to each: `--rounds 1`, say.
"""

import subprocess
import sys
from pathlib import Path

PARTS = ("train_step", "predict", "first_step", "memory", "scaling")


def main() -> int:
    """1 if any measurement fails."""
    codes = []
    for part in PARTS:
        print(f"\n=== {part}\n", flush=True)
        script = str(Path(__file__).with_name(f"{part}.py"))
        codes.append(subprocess.run([sys.executable, script, *sys.argv[1:]]).returncode)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
