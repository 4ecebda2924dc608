"""What the pages read from and act through: handed in by whoever starts the monitor, for this machine or for AWS."""

from collections.abc import Callable
from typing import Any, NamedTuple

from stepwell.insight.forecast import Forecast, History, by_time
from stepwell.insight.visit import Attempt, Visit
from stepwell.progress import Progress

Execution = dict[str, Any]  # as DescribeExecution answers it


class Source(NamedTuple):
    """`client` is shaped as boto3's.

    `status` is AWS's own, or INTERRUPTED where the process that drove an execution has died. `logs` are the lines that
    the call of an attempt printed, in the execution with this ARN; None where nobody knows. `resume(execution, task)`
    answers the ARN of the execution that goes on; both verbs raise StepwellError with what to tell the user.
    `schedule` and `forecast` are of the pipeline of this name.
    `place` is where the executions are, `region` the one whose prices count, `suffix` what commands need to find them,
    `threads` how many may ask at once, `code` the folder of the functions' code.
    """

    client: Any
    progress: Progress
    place: str
    status: Callable[[Execution], str]
    logs: Callable[[str, Visit, Attempt], list[str] | None]
    resume: Callable[[Execution, str | None], str]
    stop: Callable[[Execution], None]
    schedule: Callable[[str], str | None] = lambda _: None
    forecast: Callable[[str, History], list[Forecast]] = lambda _, history: by_time(history)
    suffix: str = ""
    region: str = "us-east-1"
    threads: int = 1
    code: str = "/var/task"
