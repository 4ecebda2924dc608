"""`stepwell prune` beside a server that lives."""

import json
import subprocess
from collections.abc import Callable

from benchmarks.peers.definitions import chain, zipped
from tests.api.served import COMMAND, ROLE, Served, end_of

HANDLER = "def handler(event, context):\n    print('here')\n    return 1\n"


def test_a_living_server_goes_on_and_its_warm_processes_get_new_logs(serve: Callable[[], Served]) -> None:
    served = serve()
    sfn, code = served.client(), {"ZipFile": zipped(HANDLER)}
    made = served.client("lambda").create_function(
        FunctionName="f", Runtime="python3.11", Role=ROLE, Handler="f.handler", Code=code
    )
    definition = json.dumps(chain(1, Type="Task", Resource=made["FunctionArn"]))
    machine = sfn.create_state_machine(name="m", definition=definition, roleArn=ROLE)["stateMachineArn"]

    def run() -> str:
        arn: str = sfn.start_execution(stateMachineArn=machine)["executionArn"]
        assert end_of(sfn, arn)["status"] == "SUCCEEDED"
        return arn

    def logs() -> list[str]:
        return [file.name for file in (served.folder / ".stepwell" / "logs").rglob("*.log")]

    run()
    [before] = logs()
    done = subprocess.run(
        [COMMAND, "prune", "--keep", "0", "--json"], cwd=served.folder, capture_output=True, text=True
    )
    told = json.loads(done.stdout)
    assert (told["executions"], told["logs"]) == (1, 1)
    assert sfn.list_executions(stateMachineArn=machine)["executions"] == []
    arn = run()
    [after] = logs()
    assert after != before
    assert [each["executionArn"] for each in sfn.list_executions(stateMachineArn=machine)["executions"]] == [arn]
