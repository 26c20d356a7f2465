"""A plugin of pytest for runs on mutants: certain that the copy is tested, and quick.

hypothesis draws the same examples every time, a few, and does not look for a smaller one when a test has failed.
"""

import importlib.util
import os
from pathlib import Path

import pytest
from hypothesis import Phase, settings

EXAMPLES = 12  # where a test takes the number from the profile
ELSEWHERE = 99  # exit status: what would be tested is not the copy


def pytest_configure() -> None:
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
