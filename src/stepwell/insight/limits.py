"""What AWS allows: each limit with its number, its page, and what to do when a pipeline is at it.

docs/limits.md is made of this table, and `stepwell check --aws` measures a pipeline against it.
"""

from typing import NamedTuple

_SFN = "https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"
_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
_SCHEDULER = "https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html"
_STEPWELL = "design.md"
_CHUNKS = "chunks.md"

KB, MB = 1024, 1024 * 1024


class Limit(NamedTuple):
    """`most` of `what`; a figure may come as near as `spare` (a share of the limit) before it is a warning."""

    key: str
    area: str
    what: str
    most: float
    unit: str
    remedy: str
    page: str
    spare: float = 0.0


LIMITS = (
    # Names
    Limit(
        "machine_name", "names", "name of the state machine", 80, "letters", "give the pipeline a shorter name", _SFN
    ),
    Limit("state_name", "names", "longest name of a state", 80, "letters", "give the task a shorter name", _SFN),
    Limit("function_name", "names", "name of the function", 64, "letters", "give the pipeline a shorter name", _LAMBDA),
    Limit(
        "schedule_name", "names", "name of the schedule", 64, "letters", "give the pipeline a shorter name", _SCHEDULER
    ),
    # Time
    Limit("deadline", "timeout ladder", "task's own deadline / its timeout", 1, "of it", "", _STEPWELL),
    Limit(
        "task_timeout",
        "timeout ladder",
        "longest timeout of a task's state",
        900,
        "s",
        "cut the task into chunks",
        _LAMBDA,
    ),
    Limit(
        "function_timeout",
        "timeout ladder",
        "timeout of the function",
        900,
        "s",
        "cut the longest task into chunks",
        _LAMBDA,
    ),
    Limit(
        "task_in_function",
        "timeout ladder",
        "task's timeout / function's",
        1,
        "of it",
        "give the function the longest timeout of all tasks",
        _STEPWELL,
    ),
    Limit(
        "machine_timeout",
        "timeout ladder",
        "all attempts / machine's timeout",
        1,
        "of it",
        "compile the pipeline again",
        _STEPWELL,
    ),
    Limit(
        "run_length", "timeout ladder", "longest run", 31_536_000, "s", "lower max_attempts, interval or deadline", _SFN
    ),
    # Sizes
    Limit("definition", "sizes", "the definition", MB, "bytes", "split the pipeline into two", _SFN, 0.1),
    Limit(
        "payload",
        "sizes",
        "largest input of a state",
        256 * KB,
        "bytes",
        "give the run's input less, or return smaller receipts",
        _SFN,
        0.25,
    ),
    Limit(
        "invocation",
        "sizes",
        "largest event of an invocation",
        6 * MB,
        "bytes",
        "give the run's input less",
        _LAMBDA,
        0.25,
    ),
    Limit(
        "receipt",
        "sizes",
        "largest receipt of a task",
        32 * KB,
        "bytes",
        "return counts and ids, never rows",
        _STEPWELL,
        0.25,
    ),
    Limit(
        "environment",
        "sizes",
        "environment of the function",
        4 * KB,
        "bytes",
        "put long values into Secrets Manager (aws_secret)",
        _LAMBDA,
        0.1,
    ),
    Limit(
        "unzipped",
        "sizes",
        "package, unzipped",
        250 * MB,
        "bytes",
        "leave out what the tasks do not import",
        _LAMBDA,
        0.1,
    ),
    Limit(
        "schedule_input",
        "sizes",
        "input of the schedule",
        256 * KB,
        "bytes",
        "give the schedule less input",
        _SCHEDULER,
    ),
    # Numbers
    Limit(
        "events",
        "numbers",
        "events of a run's history",
        25_000,
        "events",
        "give lanes a longer timeout=, or a shorter deadline=",
        _SFN,
        0.25,
    ),
    Limit(
        "map_lanes",
        "numbers",
        "Map's iterations at the same time",
        40,
        "lanes",
        "give Chunks a smaller parallel=",
        _SFN,
    ),
    Limit(
        "attempts", "numbers", "attempts that a retrier may make", 99_999_999, "attempts", "lower max_attempts", _SFN
    ),
    Limit(
        "retry_wait",
        "numbers",
        "longest wait before a retry",
        31_622_400,
        "s",
        "lower interval, backoff or max_attempts",
        _SFN,
    ),
    Limit("memory", "numbers", "memory of the function", 10_240, "MB", "give the function 128 to 10,240 MB", _LAMBDA),
    Limit(
        "least_memory",
        "numbers",
        "128 MB / the function's memory",
        1,
        "of it",
        "give the function 128 to 10,240 MB",
        _LAMBDA,
    ),
    Limit(
        "concurrency",
        "numbers",
        "invocations at the same time",
        1000,
        "calls",
        "lower parallel=, or ask AWS for more",
        _LAMBDA,
        0.5,
    ),
    # The database
    Limit(
        "connections",
        "database",
        "connections / those that are free",
        1,
        "of them",
        "lower parallel=, set max_connections=, or raise those of the database",
        _CHUNKS,
        0.2,
    ),
    Limit(
        "processors",
        "database",
        "lanes / twice the processors",
        1,
        "of them",
        "lower parallel=, or give the database more processors",
        _CHUNKS,
    ),
    # IAM
    Limit(
        "resources",
        "IAM",
        "calls that the role may not make",
        0,
        "of them",
        "call the pipeline's own function alone",
        _STEPWELL,
    ),
)
BY_KEY = {limit.key: limit for limit in LIMITS}


class Finding(NamedTuple):
    """A figure beside its limit. `about` is the task, state or setting that it is of; `margin` what is left."""

    limit: Limit
    figure: float
    about: str = ""

    @property
    def margin(self) -> float:
        """1 where nothing of the limit is used, 0 at it, less than 0 above it."""
        return 1 - self.figure / self.limit.most if self.limit.most else -self.figure

    @property
    def broken(self) -> bool:
        return self.figure > self.limit.most

    @property
    def near(self) -> bool:
        return not self.broken and self.margin < self.limit.spare

    def __str__(self) -> str:
        where = f" ({self.about})" if self.about else ""
        most = shown(self.limit.most, self.limit.unit)
        return f"{self.limit.what}{where}: {shown(self.figure, self.limit.unit)}, at most {most}"


def shown(figure: float, unit: str) -> str:
    """1.2 MB, 31 %, 25,000 events."""
    if unit == "bytes":
        size, name = next(((s, n) for s, n in ((MB, "MB"), (KB, "KB")) if figure >= s), (1, "bytes"))
        return f"{figure / size:,.1f}".rstrip("0").rstrip(".") + f" {name}" if size > 1 else f"{figure:,.0f} {name}"
    if unit in ("of it", "of them") and figure != 0:
        return f"{figure:.0%}".replace("%", " %")
    one = unit.removesuffix("s") if figure == 1 and len(unit) > 1 else unit
    return f"{figure:,.0f}" + ("" if unit in ("of it", "of them") else f" {one}")
