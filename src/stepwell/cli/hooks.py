"""Telling somebody that a run has ended: a command gets the run as JSON on its standard input, an address by POST."""

import json
import os
import subprocess
import sys
from typing import Any

from stepwell.errors import ConfigurationError
from stepwell.etl.redact import redacted
from stepwell.insight.failure import Card
from stepwell.pipeline.pipeline import Pipeline
from stepwell.pipeline.settings import value_of

PATIENCE = 30  # seconds


def notify(pipeline: Pipeline, run: dict[str, Any], failure: Card | None) -> None:
    """Tell the pipeline's on_success or on_failure. What goes wrong with that is said, and changes nothing."""
    name = "on_success" if failure is None else "on_failure"
    hook = getattr(pipeline, name)
    if hook is None:
        return
    text = failure.lines() if failure else [f"{run['pipeline']} succeeded in run {run['execution']}"]
    body = json.dumps(run | {"text": "\n".join(text)}, default=str, ensure_ascii=False)
    try:
        target = value_of(hook, name)
        wrong = (
            _post(target, body) if target.startswith(("http://", "https://")) else _call(target, body, run, pipeline)
        )
    except ConfigurationError as error:
        wrong = error.message
    if wrong:
        print(redacted(f"{name} could not be told: {wrong}"), file=sys.stderr)


def _call(command: str, body: str, run: dict[str, Any], pipeline: Pipeline) -> str | None:
    """By the shell, in the pipeline's folder; what went wrong, if anything did."""
    told = {"STEPWELL_PIPELINE": run["pipeline"], "STEPWELL_RUN": run["execution"], "STEPWELL_STATUS": run["status"]}
    try:
        done = subprocess.run(  # noqa: S602  the pipeline's author wrote it
            command, shell=True, input=body, text=True, cwd=pipeline.folder, env=os.environ | told,
            stdout=sys.stderr, timeout=PATIENCE, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"{command!r} took longer than {PATIENCE} s"
    return f"{command!r} ended with {done.returncode}" if done.returncode else None


def _post(address: str, body: str) -> str | None:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    request = Request(address, body.encode(), {"content-type": "application/json"})  # noqa: S310  http or https
    try:
        with urlopen(request, timeout=PATIENCE):  # noqa: S310
            return None
    except HTTPError as error:
        error.close()
        return f"it answered {error.code} {error.reason}"
    except (OSError, HTTPException, ValueError) as error:
        return str(error)
