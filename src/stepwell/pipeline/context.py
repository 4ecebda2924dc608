"""What a task may know about the run that it is part of."""

from collections.abc import Callable
from typing import Any


class TaskContext:
    """Given to a Python task that has a parameter `context`.

    `run` stays the same over retries and resumes; `attempt` counts the attempts at the task for this window, those of
    earlier runs included, or without a database those of this run. `params` are the run's parameters, `remaining()` is
    how many seconds are left until the task's deadline.
    """

    __slots__ = ("attempt", "params", "pipeline", "remaining", "request_id", "run", "task", "window")

    def __init__(
        self,
        pipeline: str,
        task: str,
        run: str,
        window: str = "",
        attempt: int = 1,
        params: dict[str, Any] | None = None,
        request_id: str = "",
        remaining: Callable[[], float] = lambda: 900.0,
    ) -> None:
        self.pipeline = pipeline
        self.task = task
        self.run = run
        self.window = window
        self.attempt = attempt
        self.params = params if params is not None else {}
        self.request_id = request_id
        self.remaining = remaining
