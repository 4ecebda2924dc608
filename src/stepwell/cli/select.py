"""Which run is meant: a name, the beginning of one, an ARN, or the newest."""

from typing import Any

from stepwell.errors import UsageError
from stepwell.operate.paging import items

Client = Any


def chosen(client: Client, given: str | None, pipeline: str | None = None) -> dict[str, Any]:
    """The execution as DescribeExecution gives it. `pipeline`: only runs of that one, `--only` runs included."""
    if given is not None and given.startswith("arn:"):
        described: dict[str, Any] = client.describe_execution(executionArn=given)
        return described
    found = [item for item in _executions(client, pipeline) if given is None or item["name"].startswith(given)]
    exact = [item for item in found if item["name"] == given]
    if not found:
        raise UsageError(_none(given))
    if given is not None and not exact and len({item["name"] for item in found}) > 1:
        raise UsageError(f"{given!r} is the beginning of several runs: {', '.join(i['name'] for i in found[:10])}")
    if len(exact) > 1:
        arns = ", ".join(item["executionArn"] for item in exact)
        raise UsageError(f"several pipelines have a run {given!r}: name one by its ARN: {arns}")
    described = client.describe_execution(executionArn=(exact or found)[0]["executionArn"])
    return described


def _executions(client: Client, pipeline: str | None) -> Any:
    for item in items(client.list_executions, "executions"):
        machine = item["stateMachineArn"].rpartition(":")[2]
        if pipeline is None or machine == pipeline or machine.startswith(f"{pipeline}-only-"):
            yield item


def _none(given: str | None) -> str:
    if given is None:
        return "there are no runs here yet: `stepwell run` starts one"
    return f"there is no run {given!r} here; `stepwell runs` lists them"
