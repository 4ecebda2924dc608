"""Activities, and the tasks that others work on: a token says which, and its holder how it has ended."""

from stepwell.api.arns import ACCOUNT, REGION, check_arn, check_name
from stepwell.api.door import Answer, Door, Later, Request, existing, given, page
from stepwell.api.jackson import complaint
from stepwell.api.tags import pairs
from stepwell.engine.tokens import read_token, token
from stepwell.errors import ActivityDoesNotExist, InvalidOutput, InvalidToken, TaskTimedOut
from stepwell.journal.catalog import ActivityRow

PATIENCE = 60  # seconds that GetActivityTask waits, as on AWS


def create_activity(door: Door, request: Request) -> Answer:
    """The same name again is the same activity."""
    name, tags = check_name(request["name"]), pairs(request.get("tags") or [])
    arn = f"arn:aws:states:{REGION}:{ACCOUNT}:activity:{name}"
    row = door.journal.catalog.activity(arn)
    if row is None:
        row = ActivityRow(arn, name, door.now())
        door.journal.catalog.save_activity(row)
        door.journal.catalog.tag(arn, tags)
    return {"activityArn": arn, "creationDate": row.created / 1000}


def delete_activity(door: Door, request: Request) -> Answer:
    """That there is none is no mistake."""
    door.journal.catalog.delete_activity(check_arn(request["activityArn"], "activity"))
    return {}


def describe_activity(door: Door, request: Request) -> Answer:
    return _shown(_activity(door, request))


def list_activities(door: Door, request: Request) -> Answer:
    return page("activities", request, door.journal.catalog.activities, _shown)


def get_activity_task(door: Door, request: Request) -> Answer | Later:
    """The oldest task that waits for a worker; without one the answer is empty after a minute."""
    arn = _activity(door, request).arn
    taken = door.journal.take_task(arn)
    if taken is None:
        return Later(None, dict, PATIENCE)
    execution, event = taken
    began = given(call=event.id, frame=event.frame, worker=request.get("workerName"))
    door.journal.post(execution.id, "begin", began)
    text = "{}" if event.payload is None else event.payload.text
    return {"taskToken": token(execution.arn, execution.started, event.id), "input": text}


def send_task_success(door: Door, request: Request) -> Answer:
    return _tell(door, request, "answer", {"output": request["output"]})


def send_task_failure(door: Door, request: Request) -> Answer:
    return _tell(door, request, "answer", given(error=request.get("error"), cause=request.get("cause")))


def send_task_heartbeat(door: Door, request: Request) -> Answer:
    return _tell(door, request, "heartbeat", {})


def _tell(door: Door, request: Request, kind: str, word: Answer) -> Answer:
    """Put word of a task into the inbox of its execution's owner, if it is still waited for."""
    arn, call = read_token(request["taskToken"]) or ("", 0)
    execution = door.journal.execution(arn)
    if execution is None or token(arn, execution.started, call) != request["taskToken"]:
        raise InvalidToken("Invalid Token: 'Invalid token'")
    mistake = complaint(word.get("output", "{}"))
    if mistake is not None:
        raise InvalidOutput(f"Invalid Output: '{mistake}'")
    frame = door.journal.awaits(execution, call)
    if frame is None:
        raise TaskTimedOut
    door.journal.post(execution.id, kind, {"call": call, "frame": frame} | word)
    return {}


def _activity(door: Door, request: Request) -> ActivityRow:
    arn = check_arn(request["activityArn"], "activity")
    return existing(door.journal.catalog.activity(arn), ActivityDoesNotExist(f"Activity Does Not Exist: '{arn}'"))


def _shown(row: ActivityRow) -> Answer:
    return {"activityArn": row.arn, "name": row.name, "creationDate": row.created / 1000}
