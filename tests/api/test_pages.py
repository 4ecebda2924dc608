"""Lists in pages: however small the pages, they are the whole list, once and in its order."""

import json
from base64 import b64encode

import pytest

from stepwell import errors
from stepwell.cli.local import Engine
from tests.api.served import PASS, ROLE

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m0"
LISTS = {
    "list_state_machines": ("stateMachines", {}),
    "list_state_machine_versions": ("stateMachineVersions", {"stateMachineArn": MACHINE}),
    "list_state_machine_aliases": ("stateMachineAliases", {"stateMachineArn": MACHINE}),
    "list_executions": ("executions", {"stateMachineArn": MACHINE}),
    "get_execution_history": ("events", {"executionArn": MACHINE.replace("stateMachine", "execution") + ":e0"}),
}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with Engine(tmp_path_factory.mktemp("home")) as engine:
        client = engine.client
        for n in range(5):
            client.create_state_machine(name=f"m{n}", definition=PASS, roleArn=ROLE)
            client.start_execution(stateMachineArn=MACHINE, name=f"e{n}")
            definition = json.dumps(json.loads(PASS) | {"Comment": str(n)})
            client.update_state_machine(stateMachineArn=MACHINE, definition=definition, publish=True)
            routes = [{"stateMachineVersionArn": f"{MACHINE}:{n + 1}", "weight": 100}]
            client.create_state_machine_alias(name=f"a{n}", routingConfiguration=routes)
        engine.worker.run(lambda: True)
        yield client


@pytest.mark.parametrize("action", LISTS)
@pytest.mark.parametrize("size", [1, 2, 4])
def test_pages_of_any_size_are_the_whole_list(client, action, size):
    field, request = LISTS[action]
    ask = getattr(client, action)
    whole = ask(**request)
    assert len(whole[field]) >= 4
    assert "nextToken" not in whole
    found, more = [], {}
    while more is not None:
        page = ask(**request, maxResults=size, **more)
        assert 0 < len(page[field]) <= size
        found += page[field]
        more = {"nextToken": page["nextToken"]} if "nextToken" in page else None
    assert found == whole[field]


@pytest.mark.parametrize("action", LISTS)
def test_nought_is_the_usual_size_and_a_token_of_nobodys_is_refused(client, action):
    field, request = LISTS[action]
    assert getattr(client, action)(**request, maxResults=0)[field]
    with pytest.raises(errors.InvalidToken):
        getattr(client, action)(**request, nextToken="nobody's")


def test_a_page_goes_on_where_the_one_before_has_ended_though_something_has_come_meanwhile(client):
    first = client.list_state_machines(maxResults=2)
    client.create_state_machine(name="a-new-one", definition=PASS, roleArn=ROLE)
    rest = client.list_state_machines(nextToken=first["nextToken"])
    assert [item["name"] for item in rest["stateMachines"]] == ["m2", "m3", "m4"]
    client.delete_state_machine(stateMachineArn=MACHINE.replace("m0", "a-new-one"))


@pytest.mark.parametrize("action", ["list_executions", "list_state_machine_versions", "get_execution_history"])
def test_a_token_with_a_number_that_nothing_can_have_is_none(client, action):
    token = b64encode(b"after:99999999999999999999").decode()
    with pytest.raises(errors.InvalidToken):
        getattr(client, action)(**LISTS[action][1], nextToken=token)


def test_a_version_with_a_number_that_nothing_can_have_does_not_exist(client):
    arn = f"{MACHINE}:99999999999999999999"
    for action in ("describe_state_machine", "start_execution", "list_executions", "list_state_machine_aliases"):
        with pytest.raises(errors.StateMachineDoesNotExist):
            getattr(client, action)(stateMachineArn=arn)
    client.delete_state_machine_version(stateMachineVersionArn=arn)
