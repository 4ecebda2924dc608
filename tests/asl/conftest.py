"""What the tests of the language share: a scope with a fixed clock and fixed dice."""

from random import Random

import pytest

from stepwell.asl.scope import Scope

CONTEXT = {"Execution": {"Name": "run-1", "Input": {"n": 7}}, "State": {"Name": "S"}}


@pytest.fixture
def scope() -> Scope:
    return Scope(lambda: CONTEXT, 1_000_000.0, Random(1))
