"""The same examples in every run, so that none fails by chance; HYPOTHESIS_PROFILE=explore looks for new ones."""

import os
import sys

from hypothesis import HealthCheck, settings

sys.setrecursionlimit(10_000)  # the JSONata library does it; Hypothesis warns when it happens during a test
slow = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
settings.register_profile(
    "steady", derandomize=True, database=None, deadline=None, max_examples=100, suppress_health_check=slow
)
settings.register_profile("explore", parent=settings.get_profile("steady"), derandomize=False, max_examples=3000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
