"""Calls that are not over with their answer: submitted, told, kept alive, timed out, and found again after a crash."""

from stepwell.asl.payload import Payload
from stepwell.engine.advance import alive, pending, submitted, tell, told
from stepwell.engine.changes import Reply
from stepwell.engine.tokens import read_token, token
from tests.engine.drive import ARN, Drive, machine, task

CALLBACK = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:a"
JOB = "arn:aws:states:::glue:startJobRun.sync"


class Callback(Drive):
    """A driver whose calls have holders of their tokens."""

    def said(self, decide, result=None, error=None, **more):
        call = self.calls[0]
        payload = None if error or decide is alive else Payload.of(result)
        reply = Reply(call.call, call.frame, payload, error)
        self._take(decide(self.x, self.now, reply, **more))
        return self.go()


def waiting(resource=CALLBACK, **fields):
    return Callback(machine(A=task(Resource=resource, Parameters={"Token.$": "$$.Task.Token"}, **fields)))


def test_the_token_names_the_event_that_announces_the_call_also_of_the_next_attempt():
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1}]
    drive = waiting(Retry=retry)
    first = drive.calls[0].arguments.value["Token"]
    assert read_token(first) == (ARN, drive.calls[0].call)
    assert token(ARN, drive.x.started_at, drive.calls[0].call) == first
    drive.answer(error="Sorry").until_due()
    assert read_token(drive.calls[0].arguments.value["Token"]) == (ARN, drive.calls[0].call)


def test_a_token_is_still_the_same_when_the_result_is_selected():
    drive = waiting(ResultSelector={"token.$": "$$.Task.Token"})
    given = drive.calls[0].arguments.value["Token"]
    drive.said(submitted, {"id": 1}).said(tell, {})
    assert drive.output() == {"token": given}


def test_only_a_call_that_somebody_else_ends_has_a_token():
    drive = Drive(machine(A=task(Resource="arn:aws:states:::sqs:sendMessage", Parameters={"Token.$": "$$.Task.Token"})))
    assert "could not be found" in drive.x.cause
    assert waiting(JOB).calls[0].arguments.value["Token"]


def test_what_the_holder_says_before_the_call_has_answered_is_kept_until_it_has():
    drive = waiting().said(tell, {"n": 1})
    assert drive.types()[-1] == "TaskStarted"
    again = drive.refold()
    assert told(again.root).result == Payload.of({"n": 1})
    drive.said(submitted, {"id": 1})
    assert drive.types()[3:6] == ["TaskStarted", "TaskSubmitted", "TaskSucceeded"]
    assert drive.output() == {"n": 1}


def test_a_call_that_could_not_be_made_was_never_submitted():
    assert waiting().answer(error="SQS.Refused").types()[-2:] == ["TaskSubmitFailed", "ExecutionFailed"]
    assert waiting().said(submitted, {}).answer(error="Sorry").types()[-2:] == ["TaskFailed", "ExecutionFailed"]


def test_a_heartbeat_is_waited_for_from_the_submission_and_from_the_last_one_never_past_the_timeout():
    drive = waiting(TimeoutSeconds=25, HeartbeatSeconds=10)
    begun = drive.now
    drive.said(submitted, {})
    drive.now += 8_000
    drive.said(alive)
    assert drive.x.root.due == drive.refold().root.due == begun / 1000 + 18
    drive.now += 9_000
    drive.said(alive)
    assert drive.x.root.due == begun / 1000 + 25
    while drive.x.status == "RUNNING":
        drive.until_due()
    assert (drive.now - begun, drive.history()[-1]["executionFailedEventDetails"]) == (
        25_000,
        {"error": "States.Timeout"},
    )


def test_an_activitys_timeout_counts_from_its_announcement_its_heartbeat_from_its_start():
    drive = Callback(machine(A=task(Resource=ACTIVITY, TimeoutSeconds=100, HeartbeatSeconds=10)))
    begun = drive.now
    assert drive.x.root.due == begun / 1000 + 100
    drive.now += 60_000
    drive.said(alive, begins=True, worker="w")
    assert (drive.types()[-1], drive.x.root.due) == ("ActivityStarted", begun / 1000 + 70)


def test_a_fold_stands_where_the_execution_stands():
    """Told, submitted, kept alive: facts beside the history are folded as the history is."""
    drive = waiting(HeartbeatSeconds=10, TimeoutSeconds=60).said(alive)
    for decide, said in ((submitted, {"id": 1}), (alive, None)):
        drive.said(decide, said)
        live, folded = drive.x.root, drive.refold().root
        for name in ("phase", "call", "due", "limit", "beat", "submitted", "told", "last"):
            assert getattr(folded, name) == getattr(live, name), name
        assert {timer.due for timer in pending(drive.refold())[0]} == {live.due}
