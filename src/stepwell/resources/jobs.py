"""`.sync`: what a call has begun, whether it has ended and how, and how it is stopped.

Everything is read from the state's parameters and the answer to the call, which is on disk: whoever takes an execution
over goes on waiting.
"""

from collections.abc import Callable
from json import loads
from typing import Any, NamedTuple

Json = dict[str, Any]
Find = Callable[[Json, Json], Json]  # (parameters, answer) → parameters, all with capital first letters


class Job(NamedTuple):
    """`look` and its parameters tell how the job is; `at` is where, `status` its field. Any other status than
    `good` and `busy` has failed."""

    look: str
    find: Find
    at: str
    status: str
    good: frozenset[str]
    busy: frozenset[str]
    stop: str
    halt: Find | None = None  # the parameters of `stop`, where they are not those of `look`

    def read(self, answer: Json) -> Json:
        found: Json = _dig(answer, self.at) if self.at else answer
        return found

    def state(self, found: Json) -> bool | None:
        """None while it runs, then whether it has ended well: an ECS task has if each of its containers has."""
        status = _dig(found, self.status)
        well = all(container.get("ExitCode") == 0 for container in found.get("Containers", ()))
        return None if status in self.busy else status in self.good and well


def _dig(value: Any, path: str) -> Any:
    for step in path.split("."):
        value = value[int(step)] if step.isdecimal() else value[step]
    return value


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _named(field: str, *others: str) -> Find:
    """The job by an id of the answer, with other fields of the parameters as they are."""
    return lambda given, answer: {field: answer[field]} | {name: given[name] for name in others if name in given}


def _sagemaker(kind: str) -> Job:
    name = f"{kind}JobName"
    busy = _words("InProgress Stopping")
    return Job(
        f"describe{kind}Job", lambda given, _: {name: given[name]}, "", f"{kind}JobStatus",
        _words("Completed"), busy, f"stop{kind}Job",
    )  # fmt: skip


JOBS: dict[str, Job] = {
    "states:startExecution": Job(
        "describeExecution", _named("ExecutionArn"), "", "Status",
        _words("SUCCEEDED"), _words("RUNNING PENDING_REDRIVE"), "stopExecution",
    ),
    "athena:startQueryExecution": Job(
        "getQueryExecution", _named("QueryExecutionId"), "QueryExecution", "Status.State",
        _words("SUCCEEDED"), _words("QUEUED RUNNING"), "stopQueryExecution",
    ),
    "batch:submitJob": Job(
        "describeJobs", lambda _, answer: {"Jobs": [answer["JobId"]]}, "Jobs.0", "Status",
        _words("SUCCEEDED"), _words("SUBMITTED PENDING RUNNABLE STARTING RUNNING"), "terminateJob",
        lambda _, answer: {"JobId": answer["JobId"], "Reason": "The state machine's execution was stopped"},
    ),
    "codebuild:startBuild": Job(
        "batchGetBuilds", lambda _, answer: {"Ids": [answer["Build"]["Id"]]}, "Builds.0", "BuildStatus",
        _words("SUCCEEDED"), _words("IN_PROGRESS"), "stopBuild", lambda _, answer: {"Id": answer["Build"]["Id"]},
    ),
    "databrew:startJobRun": Job(
        "describeJobRun", _named("RunId", "Name"), "", "State",
        _words("SUCCEEDED"), _words("STARTING RUNNING STOPPING"), "stopJobRun",
    ),
    "ecs:runTask": Job(
        "describeTasks",
        lambda given, answer: {"Tasks": [answer["Tasks"][0]["TaskArn"]], "Cluster": given.get("Cluster")},
        "Tasks.0", "LastStatus", _words("STOPPED"),
        _words("PROVISIONING PENDING ACTIVATING RUNNING DEACTIVATING STOPPING DEPROVISIONING"), "stopTask",
        lambda given, answer: {"Task": answer["Tasks"][0]["TaskArn"], "Cluster": given.get("Cluster")},
    ),
    "emr-serverless:startJobRun": Job(
        "getJobRun", _named("JobRunId", "ApplicationId"), "JobRun", "State",
        _words("SUCCESS"), _words("SUBMITTED PENDING SCHEDULED RUNNING CANCELLING QUEUED"), "cancelJobRun",
    ),
    "glue:startJobRun": Job(
        "getJobRun", lambda given, answer: {"RunId": answer["JobRunId"], "JobName": given["JobName"]}, "JobRun",
        "JobRunState", _words("SUCCEEDED"), _words("STARTING RUNNING STOPPING WAITING"), "batchStopJobRun",
        lambda given, answer: {"JobRunIds": [answer["JobRunId"]], "JobName": given["JobName"]},
    ),
    "mediaconvert:createJob": Job(
        "getJob", lambda _, answer: {"Id": answer["Job"]["Id"]}, "Job", "Status",
        _words("COMPLETE"), _words("SUBMITTED PROGRESSING"), "cancelJob",
    ),
    **{f"sagemaker:create{kind}Job": _sagemaker(kind) for kind in ("Training", "Transform", "Processing")},
}  # fmt: skip


# What a state sees of an execution that it has started and waited for.
_EXECUTION = ("Cause", "Error", "ExecutionArn", "Input", "InputDetails", "Name", "Output", "OutputDetails", "StartDate",
              "StateMachineArn", "Status", "StopDate")  # fmt: skip


def ended(key: str, pattern: str, found: Json) -> Json:
    """A job that has ended as the state sees it; `.sync:2` has JSON where `.sync` has texts of JSON."""
    found.pop("SdkHttpMetadata", None)
    found.pop("SdkResponseMetadata", None)
    if key != "states:startExecution":
        return found
    texts = ("Input", "Output") if pattern == "sync:2" else ()
    return {name: loads(found[name]) if name in texts else found[name] for name in _EXECUTION if name in found}
