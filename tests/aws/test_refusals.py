"""What AWS refuses half-way, played by hand: the fake has no rollback that fails, no other account, no partition."""

from io import StringIO
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import WaiterError

from stepwell.aws.code import Code
from stepwell.aws.deployment import Deployment, Plan
from stepwell.aws.session import Session
from stepwell.aws.stack import OWNER, Event, Stack
from stepwell.cli import deploy
from stepwell.cli.terminal import Terminal
from stepwell.errors import AwsError, ConfigurationError, UsageError

FAILED = Event("Function", "AWS::Lambda::Function", "UPDATE_FAILED", "no such key")


class Service:
    """A client of AWS whose actions give what they are said to, and raise it if it is an error."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        def action(**request: Any) -> Any:
            self.asked.append((name, request))
            answer = self.answers[name]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return action


def session(**services: Service) -> Session:
    domains = ("amazonaws.com", "console.aws.amazon.com")
    return cast(Session, SimpleNamespace(region="eu-central-1", domains=domains, client=services.__getitem__))


def sts() -> Service:
    return Service(get_caller_identity={"Account": "111122223333"})


def code(s3: Service, lambda_: Service | None = None, bucket: str | None = None) -> Code:
    return Code(session(s3=s3, sts=sts(), **{"lambda": lambda_ or Service()}), "visits", bucket)


def test_a_stack_that_could_not_be_rolled_back_says_how_it_is_mended() -> None:
    there = {"StackStatus": "UPDATE_ROLLBACK_FAILED", "Tags": [{"Key": OWNER, "Value": "visits"}]}
    stack = Stack(session(cloudformation=Service(describe_stacks={"Stacks": [there]})), "visits-1", "visits")
    with pytest.raises(UsageError, match="continue-update-rollback --stack-name visits-1"):
        Deployment(cast(Any, None), stack, cast(Any, None), "", cast(Any, None)).plan({})


class Failing:
    """A deployment that fails; then the stack has these statuses, one after the other."""

    def __init__(self, *statuses: str | None) -> None:
        self.stack = SimpleNamespace(
            name="visits-1",
            status=iter(statuses).__next__,
            execute=lambda change_set: iter([FAILED]),
            delete=lambda: iter(()),
            withdraw=lambda change_set, exists: self.withdrawn.append((change_set, exists)),
        )
        self.withdrawn: list[tuple[str, bool]] = []

    def put_back(self, plan: Plan) -> bool:
        return False


def changed(exists: bool, *statuses: str | None) -> str:
    out = StringIO()
    plan = Plan(exists, "c", [], False, None, "")
    assert not deploy._change(Terminal(out), cast(Deployment, Failing(*statuses)), plan)
    return out.getvalue().splitlines()[-1]


def test_what_is_said_after_a_failure_is_what_is_left() -> None:
    assert changed(True, "UPDATE_ROLLBACK_COMPLETE") == "the stack was rolled back: it is as it was"
    assert changed(True, "UPDATE_ROLLBACK_FAILED").startswith(
        "the stack visits-1 is not as it was: UPDATE_ROLLBACK_FAILED. `aws cloudformation describe-stack-events"
    )
    assert changed(False, "ROLLBACK_COMPLETE", None).startswith("nothing is left of it")
    left = "something of it is left (DELETE_FAILED): `stepwell destroy --stack visits-1`"
    assert changed(False, "ROLLBACK_FAILED", "DELETE_FAILED").startswith(left)


def test_a_change_whose_code_cannot_be_uploaded_is_withdrawn() -> None:
    failing = Failing()
    with (
        pytest.raises(AwsError),
        deploy._withdrawn_if_it_fails(cast(Deployment, failing), Plan(False, "c", [], False, None, "")),
    ):
        raise AwsError("AWS refused PutObject", "AccessDenied")
    assert failing.withdrawn == [("c", False)]


def test_a_bucket_of_another_account_is_not_used() -> None:
    """Its name can be guessed, so that somebody may have made it first."""
    s3 = Service(head_bucket=AwsError("AWS refused HeadBucket: 403: Forbidden", "403"))
    with pytest.raises(ConfigurationError, match=r"stepwell-111122223333-eu-central-1 .* give another --bucket"):
        code(s3).upload(b"", "0")
    assert s3.asked == [("head_bucket", {"Bucket": "stepwell-111122223333-eu-central-1",
                                         "ExpectedBucketOwner": "111122223333"})]  # fmt: skip


def test_a_bucket_that_was_named_may_be_of_another_account() -> None:
    s3 = Service(head_bucket={}, head_object={})
    assert code(s3, bucket="shared").upload(b"", "0") == "visits/0.zip"
    assert s3.asked[0] == ("head_bucket", {"Bucket": "shared"})


def test_a_function_that_does_not_take_its_code_is_told() -> None:
    waiter = Service(wait=WaiterError("function_updated_v2", "Max attempts exceeded", {}))
    function = SimpleNamespace(update_function_code=lambda **_: {}, get_waiter=lambda _: waiter)
    with pytest.raises(AwsError, match="AWS could not be asked: Waiter function_updated_v2 failed"):
        code(Service(), cast(Service, function)).switch("0")


@pytest.mark.parametrize(
    ("region", "domains"),
    [
        ("eu-central-1", ("amazonaws.com", "console.aws.amazon.com")),
        ("cn-north-1", ("amazonaws.com.cn", "console.amazonaws.cn")),
        ("us-gov-west-1", ("amazonaws.com", "console.amazonaws-us-gov.com")),
    ],
)
def test_china_and_govcloud_have_domains_of_their_own(region: str, domains: tuple[str, str]) -> None:
    assert Session(None, region).domains == domains
