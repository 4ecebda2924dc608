"""Versions and aliases of state machines, through boto3."""

import pytest

from tests.api.served import PASS, ROLE, WAIT
from tests.api.test_boto3 import refused


@pytest.fixture
def two(sfn, request):
    """A machine with two versions; its ARN and theirs."""
    name = request.node.name[:80]
    made = sfn.create_state_machine(name=name, definition=PASS, roleArn=ROLE, publish=True, versionDescription="one")
    arn = made["stateMachineArn"]
    second = sfn.update_state_machine(stateMachineArn=arn, definition=WAIT, publish=True)
    return arn, made["stateMachineVersionArn"], second["stateMachineVersionArn"]


def routes(*pairs):
    return [{"stateMachineVersionArn": arn, "weight": weight} for arn, weight in pairs]


def test_a_version_stays_what_it_was(sfn, two):
    _, first, second = two
    told = sfn.describe_state_machine(stateMachineArn=first)
    assert (told["definition"], told["description"], told["stateMachineArn"]) == (PASS, "one", first)
    assert sfn.describe_state_machine(stateMachineArn=second)["definition"] == WAIT


@pytest.mark.proves("API.PublishStateMachineVersion API.DeleteStateMachineVersion")
def test_a_revision_is_published_once_and_a_number_is_given_once(sfn, two):
    arn, first, second = two
    assert sfn.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"] == second
    sfn.delete_state_machine_version(stateMachineVersionArn=second)
    third = sfn.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
    assert third == f"{arn}:3"
    listed = sfn.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
    assert [item["stateMachineVersionArn"] for item in listed] == [third, first]


@pytest.mark.proves("API.ListStateMachineVersions")
def test_versions_come_in_pages(sfn, two):
    arn, first, second = two
    page = sfn.list_state_machine_versions(stateMachineArn=arn, maxResults=1)
    assert [item["stateMachineVersionArn"] for item in page["stateMachineVersions"]] == [second]
    rest = sfn.list_state_machine_versions(stateMachineArn=arn, nextToken=page["nextToken"])
    assert [item["stateMachineVersionArn"] for item in rest["stateMachineVersions"]] == [first]


def test_a_conflict_has_awss_status(sfn, two):
    with pytest.raises(sfn.exceptions.ConflictException) as told:
        sfn.publish_state_machine_version(stateMachineArn=two[0], revisionId="x")
    assert told.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409


def test_another_revision_than_the_current_is_not_published(sfn, two):
    code, text = refused(sfn.publish_state_machine_version, stateMachineArn=two[0], revisionId="x")
    assert code == "ConflictException"
    assert text.startswith("Failed to publish the State Machine version for revision x. The current State Machine")


def test_a_version_is_neither_updated_nor_tagged(sfn, two):
    assert refused(sfn.update_state_machine, stateMachineArn=two[1], definition=WAIT)[0] == "StateMachineDoesNotExist"


@pytest.mark.proves("API.DescribeStateMachineForExecution")
def test_an_execution_of_a_version_knows_it(sfn, two, ended):
    arn, first, _ = two
    execution = sfn.start_execution(stateMachineArn=first)["executionArn"]
    assert ended(execution)["stateMachineVersionArn"] == first
    began = sfn.get_execution_history(executionArn=execution, maxResults=1)["events"][0]["executionStartedEventDetails"]
    assert (began["stateMachineVersionArn"], "stateMachineAliasArn" in began) == (first, False)
    for of, count in ((arn, 1), (first, 1), (two[2], 0)):
        assert len(sfn.list_executions(stateMachineArn=of)["executions"]) == count


def test_an_alias_divides_executions_by_weight(sfn, two):
    arn, first, second = two
    alias = sfn.create_state_machine_alias(name="live", routingConfiguration=routes((first, 50), (second, 50)))
    started = [sfn.start_execution(stateMachineArn=alias["stateMachineAliasArn"])["executionArn"] for _ in range(40)]
    told = [sfn.describe_execution(executionArn=execution) for execution in started]
    assert {item["stateMachineVersionArn"] for item in told} == {first, second}
    assert {item["stateMachineAliasArn"] for item in told} == {f"{arn}:live"}
    began = sfn.get_execution_history(executionArn=started[0], maxResults=1)["events"][0][
        "executionStartedEventDetails"
    ]
    for name in ("stateMachineVersionArn", "stateMachineAliasArn"):
        assert began[name] == told[0][name]


@pytest.mark.proves(
    "API.CreateStateMachineAlias API.DescribeStateMachineAlias API.UpdateStateMachineAlias "
    "API.ListStateMachineAliases API.DeleteStateMachineAlias"
)
def test_an_alias_is_changed_listed_and_deleted(sfn, two):
    arn, first, second = two
    request = {"name": "live", "routingConfiguration": routes((first, 100))}
    alias = sfn.create_state_machine_alias(**request)["stateMachineAliasArn"]
    assert sfn.create_state_machine_alias(**request)["stateMachineAliasArn"] == alias
    other = {"name": "live", "routingConfiguration": routes((second, 100))}
    assert refused(sfn.create_state_machine_alias, **other)[0] == "ConflictException"
    sfn.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=routes((second, 100)))
    told = sfn.describe_state_machine_alias(stateMachineAliasArn=alias)
    assert told["routingConfiguration"] == routes((second, 100))
    assert len(sfn.list_state_machine_aliases(stateMachineArn=arn)["stateMachineAliases"]) == 1
    assert sfn.list_state_machine_aliases(stateMachineArn=first)["stateMachineAliases"] == []
    sfn.delete_state_machine_alias(stateMachineAliasArn=alias)
    assert refused(sfn.describe_state_machine_alias, stateMachineAliasArn=alias)[0] == "ResourceNotFound"


def test_aliases_come_in_pages_the_newest_first(sfn, two):
    arn, first, _ = two
    made = [
        sfn.create_state_machine_alias(name=name, routingConfiguration=routes((first, 100)))["stateMachineAliasArn"]
        for name in ("b", "a", "c")
    ]
    sfn.update_state_machine_alias(stateMachineAliasArn=made[0], description="changed")
    created = [sfn.describe_state_machine_alias(stateMachineAliasArn=each)["creationDate"] for each in made]
    expected = [each for _, each in sorted(zip(created, made, strict=True), reverse=True)]
    pages = [sfn.list_state_machine_aliases(stateMachineArn=arn, maxResults=2)]
    pages.append(sfn.list_state_machine_aliases(stateMachineArn=arn, nextToken=pages[0]["nextToken"]))
    listed = [[each["stateMachineAliasArn"] for each in page["stateMachineAliases"]] for page in pages]
    assert listed == [expected[:2], expected[2:]]
    assert "nextToken" not in pages[1]


def test_a_version_that_an_alias_names_is_not_deleted(sfn, two):
    _, first, _ = two
    sfn.create_state_machine_alias(name="live", routingConfiguration=routes((first, 100)))
    code, text = refused(sfn.delete_state_machine_version, stateMachineVersionArn=first)
    assert code == "ConflictException"
    assert text.endswith("Current list of aliases referencing this version: [live]")


def test_weights_sum_to_100_and_versions_are_distinct_and_there(sfn, two):
    arn, first, second = two
    for routing, told in (
        (routes((first, 50), (second, 49)), "Sum of routing configuration weights must equal 100. Received: [50, 49]"),
        (routes((first, 50), (first, 50)), "must contain distinct state machine version ARNs"),
        (routes((arn, 100)), "must contain state machine version ARNs"),
        (routes((f"{arn}:9", 100)), "does not exist"),
    ):
        assert told in refused(sfn.create_state_machine_alias, name="bad", routingConfiguration=routing)[1]
