"""Every comparison here is made in float64, unless a test asks for float32 itself."""

import pytest


@pytest.fixture(autouse=True)
def _in_double_precision(request):
    if request.node.get_closest_marker("oracle"):
        from peers import precision

        with precision("float64"):
            yield
    else:
        yield
