"""A plugin of pytest for runs on mutants: certain that the copy is tested, quick, and held in memory.

hypothesis draws the same examples every time, a few, and does not look for a smaller one when a test has failed.
"""

import importlib.util
import os
import resource
from pathlib import Path

import pytest
from hypothesis import Phase, settings

MEMORY = 12 << 30  # bytes a run may take: a fault may ask for an array of any size
EXAMPLES = 12  # where a test takes the number from the profile
ELSEWHERE = 99  # exit status: what would be tested is not the copy


def pytest_configure() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for package in ("minidl", "minidl_kernels"):
        spec = importlib.util.find_spec(package)
        if spec is None or not Path(spec.origin or "").is_relative_to(os.environ["MUTATION_COPY"]):
            pytest.exit(f"{package} would come from elsewhere: {spec}", returncode=ELSEWHERE)


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """After all conftest files, which choose a profile, and before the tests, which take it over."""
    settings.register_profile(
        "mutants", settings.default, phases=[Phase.explicit, Phase.generate], database=None, derandomize=True,
        max_examples=EXAMPLES,
    )  # fmt: skip
    settings.load_profile("mutants")
