"""The change that `forecast` prints: applied with `patch`, the pipeline runs in chunks, and is proven safe."""

import subprocess

from tests.e2e.conftest import Project, called


def test_the_printed_diff_applied_with_patch_runs_chunked_and_passes_prove(visits: Project) -> None:
    visits("run")
    diff = visits("forecast", "--diff", "task_02")
    assert '+    chunks=Chunks("staging.visits", by=("visit_date", "person"), rows=2_000, parallel=2),' in diff.stdout
    assert "staging.visits: 68,114 rows at" in diff.stderr
    subprocess.run(["patch", "-p0"], cwd=visits.folder, input=diff.stdout, text=True, check=True, capture_output=True)
    visits.sql("truncate care.conflicts")
    visits("run")
    assert called(visits.events())[2:] == ["task_02"] * 4  # a plan, two lanes, a reconciliation
    assert "99131978fd879146994239eb7d16bc0e" in visits.python("data.py", "verify").stdout
    assert "✓ task_02 is chunk-safe" in visits("prove", "task_02").stdout
