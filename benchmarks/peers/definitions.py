"""The state machines that all engines are given."""

import io
import zipfile
from typing import Any

State = dict[str, Any]


def chain(length: int, **state: Any) -> State:
    """States of one kind, one after the other: Pass unless told otherwise."""
    state = state or {"Type": "Pass"}
    names = [f"S{number}" for number in range(length)]
    following = [*({"Next": name} for name in names[1:]), {"End": True}]
    return {"StartAt": "S0", "States": {name: state | after for name, after in zip(names, following, strict=True)}}


def inline_map(concurrency: int = 0, **state: Any) -> State:
    """A Map over the input's items, one state each."""
    processor = {"ProcessorConfig": {"Mode": "INLINE"}, **chain(1, **state)}
    each = {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": concurrency, "ItemProcessor": processor}
    return {"StartAt": "Each", "States": {"Each": each | {"End": True}}}


def distributed_map(**state: Any) -> State:
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    machine = inline_map(**state)
    machine["States"]["Each"]["ItemProcessor"]["ProcessorConfig"] = config
    machine["States"]["Each"]["ResultPath"] = "$.results"
    machine["States"]["Each"]["ResultSelector"] = {}
    return machine


def zipped(source: str) -> bytes:
    """A Lambda function of one file, handler `f.handler`."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("f.py", source)
    return file.getvalue()
