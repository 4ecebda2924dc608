"""How a task's name becomes the names of its states, and which names are allowed."""

from stepwell.errors import ConfigurationError

VALIDATE = "validate_config"
SUCCESS = "PipelineSuccess"
START = "StartOrResume"
UNKNOWN_START = "UnknownStartAt"
PLACEHOLDER = "${LambdaFunctionArn}"  # stands for the function where a definition is put on AWS
FAILURES = {"configuration": "ConfigurationFailed", "timeout": "TimedOut", "data": "DataFailed", "other": "Failed"}

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_LONGEST = 80  # Step Functions: names of machines, executions and states


def state_name(task: str) -> str:
    """`task_01` runs in the state `ExecuteTask01`, `validate_config` in `ValidateConfig`."""
    words = "".join(word[:1].upper() + word[1:] for word in task.split("_"))
    return words if task == VALIDATE else f"Execute{words}"


def state_names(task: str) -> list[str]:
    """Every state that a task's name claims: its own, and the Fail states that it can end in."""
    own = state_name(task)
    return [own, *(own + suffix for suffix in FAILURES.values())]


def group_name(number: int) -> str:
    """What the receipts of the number-th parallel group are kept under; its state is `ExecuteParallel01`."""
    return f"parallel_{number:02d}"


def is_group(name: str) -> bool:
    return name.startswith("parallel_") and name[9:].isdigit()


def snake_case(name: str) -> str:
    """`Task03SomeOperation` is `task_03`; any other class name is spelled out: `LoadHTTPData` is `load_http_data`."""
    digits = ""
    for letter in name[4:]:
        if not letter.isdigit():
            break
        digits += letter
    return f"task_{digits}" if digits and name.startswith("Task") else "".join(_lowered(name)).lstrip("_")


def _lowered(name: str) -> list[str]:
    """Each letter in lower case, with `_` before a letter that begins a word."""
    begins = [
        letter.isupper() and (not before.isupper() or after.islower()) and before != "_"
        for before, letter, after in zip("_" + name, name, name[1:] + "_", strict=False)
    ]
    return ["_" + letter.lower() if new else letter.lower() for letter, new in zip(name, begins, strict=True)]


def check_pipeline_name(name: object, place: str) -> None:
    if not isinstance(name, str) or not name or len(name) > _LONGEST or not _LETTERS.issuperset(name.replace("-", "")):
        raise ConfigurationError(
            f"{place}: a pipeline's name has 1 to {_LONGEST} letters, digits, - and _; {name!r} is not such a name"
        )


def check_task_name(name: object, place: str) -> None:
    if not isinstance(name, str) or not name.strip("_") or not _LETTERS.issuperset(name):
        raise ConfigurationError(f"{place}: a task's name has letters, digits and _; {name!r} is not such a name")
    if name == VALIDATE or is_group(name):
        raise ConfigurationError(f"{place}: the name {name!r} is Stepwell's own; give the task another one")
    longest = _LONGEST - max(map(len, state_names(name))) + len(name)
    if len(name) > longest:
        raise ConfigurationError(
            f"{place}: {name!r} is too long: with more than {longest} characters "
            f"its states' names would exceed the {_LONGEST} that Step Functions allows"
        )
