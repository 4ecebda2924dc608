"""Runs that are under way when new code is deployed: the payloads of earlier releases are still understood."""

import json
from pathlib import Path

import pytest

from stepwell.pipeline.compile import compile_machine
from stepwell.pipeline.find import find_pipeline
from stepwell.pipeline.invocation import Invocation
from tests.aws.conftest import ROOT
from tests.e2e.conftest import Project

RELEASES = Path(__file__).with_name("payloads")


@pytest.mark.parametrize("file", sorted(RELEASES.glob("*/*.json")), ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_what_a_release_has_sent_is_answered_by_the_code_of_today(
    file: Path, visits: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stepwell.handler import handler

    monkeypatch.setenv("STEPWELL_PIPELINE", "pipeline:pipeline")
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(visits.folder))
    monkeypatch.setenv("DATABASE_URL", str(visits.database))
    stored = json.loads(file.read_text())
    answer = handler(stored["event"])
    assert {name: answer[name] for name in stored["answer"]} == stored["answer"]


def test_the_payloads_of_today_are_among_those_that_are_kept() -> None:
    """A change of the payload is a new folder: those before it stay."""
    machine = compile_machine(find_pipeline(str(ROOT / "examples" / "visits")), "arn")
    newest = sorted(RELEASES.iterdir())[-1]
    for state in machine["States"].values():
        if state["Type"] == "Task":
            sent = {name.removesuffix(".$") for name in state["Parameters"]}
            kept = json.loads((newest / f"{state['Parameters']['action']}.json").read_text())["event"]
            assert sent == set(kept)
            assert Invocation(kept, None, "task_01").timeout == state["Parameters"]["timeout"]
