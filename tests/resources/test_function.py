"""Real function processes: fed, measured, killed."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from queue import SimpleQueue

import pytest

from stepwell.errors import ResourceNotFoundException
from stepwell.resources.function import Function, FunctionProcess
from stepwell.resources.functions import Functions
from tests.until import until

CODE = """
import os, subprocess, sys, time

count = 0

def handler(event, context):
    global count
    count += 1
    print("asked for", event["do"])
    return globals()[event["do"]](event, context)

def echo(event, context):
    return {"event": event, "count": count, "pid": os.getpid(), "id": context.aws_request_id,
            "left": context.get_remaining_time_in_millis(), "name": context.function_name}

def fail(event, context):
    raise ValueError("as I said")

def leave(event, context):
    os._exit(event.get("code", 3))

def leave_a_child(event, context):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with open(event["file"], "w") as file:
        file.write(str(child.pid))
    os._exit(3)

def sleep(event, context):
    time.sleep(event["seconds"])

def spawn(event, context):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with open(event["file"], "w") as file:
        file.write(f"{os.getpid()} {child.pid}")
    time.sleep(600)

def unspeakable(event, context):
    return {1, 2}

def large(event, context):
    return "x" * event["size"]

def raw(event, context):
    return event["text"].encode()

def mumble(event, context):
    print("half a line", end="")

def memory(event, context):
    block = bytearray(80 * 1024 * 1024)
    return len(block)
"""


@pytest.fixture
def function(tmp_path):
    (tmp_path / "app.py").write_text(CODE)
    return Function("arn:aws:lambda:us-east-1:123456789012:function:app", "app.handler", tmp_path, {"MINE": "yes"}, 20)


@pytest.fixture
def functions(function, tmp_path):
    functions = Functions(tmp_path / "logs")
    functions.register(function)
    yield functions
    functions.close()


def ask(functions, function, do, request="r-1", **event):
    process = functions.take(function.arn, request)
    return functions.invoke(process, json.dumps({"do": do, **event}), request)


def alive(pid):
    """Whether a process runs; a zombie that nobody has waited for does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_process_is_kept_warm_between_invocations(functions, function):
    first, second = (json.loads(ask(functions, function, "echo", f"r-{n}").text) for n in (1, 2))
    assert (first["pid"], first["count"], second["count"]) == (second["pid"], 1, 2)
    assert (second["id"], second["name"], 0 < second["left"] <= 20_000) == ("r-2", "app", True)


def test_invocations_at_the_same_time_have_processes_of_their_own(functions, function):
    processes = [functions.take(function.arn, f"r-{n}") for n in range(3)]
    assert len({process.pid for process in processes}) == 3
    for n, process in enumerate(processes):
        functions.invoke(process, '{"do": "echo"}', f"r-{n}")


def test_an_exception_is_told_as_lambda_tells_it(functions, function):
    response = ask(functions, function, "fail")
    cause = json.loads(response.cause)
    assert (response.error, cause["errorType"], cause["errorMessage"]) == ("ValueError", "ValueError", "as I said")
    assert list(cause) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert cause["requestId"] == "r-1"
    assert [frame.split("\n")[0] for frame in cause["stackTrace"]] == [
        f'  File "{function.folder}/app.py", line 10, in handler',
        f'  File "{function.folder}/app.py", line 17, in fail',
    ]


def test_a_process_that_exits_takes_down_one_invocation(functions, function):
    response = ask(functions, function, "leave")
    assert (response.error, "exit status 3" in response.cause) == ("Runtime.ExitError", True)
    assert ask(functions, function, "echo").error is None


def test_a_process_that_is_killed_takes_down_one_invocation(functions, function):
    process = functions.take(function.arn, "r-1")
    killer = threading.Timer(0.2, os.kill, (process.pid, signal.SIGKILL))
    killer.start()
    response = functions.invoke(process, '{"do": "sleep", "seconds": 60}', "r-1")
    assert (response.error, "error: signal: killed" in response.cause) == ("Runtime.ExitError", True)
    assert ask(functions, function, "echo").error is None


def test_one_that_leaves_without_an_error_has_given_no_reason(functions, function):
    cause = json.loads(ask(functions, function, "leave", code=0).cause)
    assert cause["errorMessage"].endswith("Error: Runtime exited without providing a reason")


def test_what_a_process_has_started_ends_with_it(functions, function, tmp_path):
    ask(functions, function, "leave_a_child", file=str(tmp_path / "pid"))
    until(lambda: not alive((tmp_path / "pid").read_text()), "the child is gone")


def test_processes_that_have_ended_or_whose_logs_are_gone_are_not_kept(functions, function, tmp_path):
    processes = [functions.take(function.arn, f"r-{n}") for n in range(3)]
    for n, process in enumerate(processes):
        functions.invoke(process, '{"do": "echo"}', f"r-{n}")
    (tmp_path / "logs" / processes[2].stream).unlink()
    os.kill(processes[1].pid, signal.SIGKILL)
    until(lambda: not processes[1].alive(), "it has ended")
    assert json.loads(ask(functions, function, "echo").text)["pid"] == processes[0].pid
    assert [process._process.returncode for process in processes] == [None, -signal.SIGKILL, -signal.SIGKILL]


def test_a_log_that_takes_no_more_makes_no_failure_of_what_was_done(functions, function, monkeypatch):
    monkeypatch.setattr("stepwell.resources.function.os.write", full_disk)
    assert ask(functions, function, "echo").error is None


def full_disk(file, data):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_process_that_cannot_be_started_leaves_no_file_open(functions, function):
    before = os.listdir("/proc/self/fd")
    functions.register(function._replace(folder=function.folder / "gone"))
    for number in range(3):
        with pytest.raises(FileNotFoundError):
            functions.take(function.arn, f"r-{number}")
    assert os.listdir("/proc/self/fd") == before


def test_who_finds_no_room_for_a_process_waits(function, tmp_path, monkeypatch):
    monkeypatch.setattr("stepwell.resources.functions.most_processes", lambda: 1)
    functions = Functions(tmp_path / "logs")
    functions.register(function)
    first, answers = functions.take(function.arn, "r-1"), SimpleQueue()
    second = threading.Thread(target=lambda: answers.put(ask(functions, function, "echo", "r-2")))
    second.start()
    functions.invoke(first, '{"do": "echo"}', "r-1")
    second.join()
    assert json.loads(answers.get().text)["pid"] == first.pid
    functions.close()


def test_what_is_kept_warm_gives_way_to_what_is_used_now(function, tmp_path, monkeypatch):
    monkeypatch.setattr("stepwell.resources.functions.most_processes", lambda: 2)
    functions = Functions(tmp_path / "logs")
    other = function._replace(arn=f"{function.arn}-2")
    for each in (function, other):
        functions.register(each)
    old = [functions.take(function.arn, f"r-{n}") for n in range(2)]
    for n, process in enumerate(old):
        functions.invoke(process, '{"do": "echo"}', f"r-{n}")
    first, second = (json.loads(ask(functions, other, "echo").text) for _ in range(2))
    assert first["pid"] == second["pid"]
    assert [process._process.returncode for process in old] == [-signal.SIGKILL, None]
    functions.close()


def test_the_end_of_a_process_is_noticed_without_pidfds_too(functions, function, monkeypatch):
    """As on macOS: the process holds a pipe open as long as it lives."""
    monkeypatch.delattr(os, "pidfd_open")
    assert ask(functions, function, "echo").error is None
    assert ask(functions, function, "leave").error == "Runtime.ExitError"


def test_the_functions_own_timeout_kills_the_process_for_real(functions, function):
    short = function._replace(timeout=0.5)
    functions.register(short)
    process = functions.take(function.arn, "r-1")
    response = functions.invoke(process, '{"do": "sleep", "seconds": 60}', "r-1")
    assert (response.error, alive(process.pid)) == ("Sandbox.Timedout", False)
    assert "Task timed out after 0.50 seconds" in response.cause
    functions.register(function)
    assert ask(functions, function, "echo").error is None


def test_a_cancelled_invocation_ends_with_everything_it_has_started(functions, function, tmp_path):
    process = functions.take(function.arn, "r-1")
    event = json.dumps({"do": "spawn", "file": str(tmp_path / "pids")})
    thread = threading.Thread(target=functions.invoke, args=(process, event, "r-1"))
    thread.start()
    until((tmp_path / "pids").exists, "the function is at work")
    until(lambda: len((tmp_path / "pids").read_text().split()) == 2, "it has told both processes")
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    functions.cancel("r-1")
    thread.join()
    until(lambda: not any(map(alive, pids)), "both processes are gone")


def test_a_function_dies_with_its_engine_even_if_that_is_killed(function, tmp_path):
    """The engine holds one end of a pipe; SIGKILL closes it like everything else."""
    engine = f"""
import json
from pathlib import Path
from stepwell.resources.function import Function, FunctionProcess
function = Function({function.arn!r}, "app.handler", Path({str(tmp_path)!r}), {{}}, 60)
event = json.dumps({{"do": "spawn", "file": {str(tmp_path / "pids")!r}}})
FunctionProcess(function, Path({str(tmp_path / "logs")!r})).invoke(event, "r-1")
"""
    process = subprocess.Popen([sys.executable, "-c", engine])
    told = tmp_path / "pids"
    until(lambda: told.exists() and len(told.read_text().split()) == 2, "it has told both processes")
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: not any(map(alive, pids)), "both processes are gone")


def test_what_json_cannot_hold_is_refused_as_lambda_refuses_it(functions, function):
    response = ask(functions, function, "unspeakable")
    assert response.error == "Runtime.MarshalError"
    assert ask(functions, function, "echo").error is None


def test_bytes_are_the_answer_itself_and_what_is_no_json_a_text(functions, function):
    assert ask(functions, function, "raw", text='{"a" : 1}').text == '{"a" : 1}'
    assert ask(functions, function, "raw", text="hello").text == '"hello"'


def test_an_answer_that_lambda_would_not_take_is_not_taken(functions, function):
    response = ask(functions, function, "large", size=6_291_556)
    assert response.error == "Function.ResponseSizeTooLarge"
    assert ask(functions, function, "echo").error is None


def test_large_answers_and_events_pass(functions, function):
    assert len(json.loads(ask(functions, function, "large", size=5_000_000).text)) == 5_000_000
    assert len(json.loads(ask(functions, function, "echo", pad="y" * 200_000).text)["event"]["pad"]) == 200_000


@pytest.mark.parametrize(
    ("handler", "error"),
    [("nowhere.handler", "Runtime.ImportModuleError"), ("app.nobody", "Runtime.HandlerNotFound")],
)
def test_a_function_that_cannot_be_loaded_says_so_under_lambdas_name(functions, function, handler, error):
    functions.register(function._replace(handler=handler))
    assert ask(functions, function, "echo").error == error


def test_memory_and_time_are_measured(functions, function):
    response = ask(functions, function, "memory")
    assert response.mb > 80
    assert response.ms >= 1


def test_what_a_task_prints_is_kept_between_the_lines_of_its_invocation(functions, function, tmp_path):
    process = functions.take(function.arn, "r-7")
    functions.invoke(process, '{"do": "echo"}', "r-7")
    lines = (tmp_path / "logs" / process.stream).read_text().splitlines()
    assert lines[:3] == ["START RequestId: r-7 Version: $LATEST", "asked for echo", "END RequestId: r-7"]
    assert lines[3].startswith("REPORT RequestId: r-7\tDuration: ")


def test_a_last_line_without_its_end_is_ended(functions, function, tmp_path):
    process = functions.take(function.arn, "r-1")
    functions.invoke(process, '{"do": "mumble"}', "r-1")
    assert "\nhalf a line\nEND RequestId: r-1\n" in (tmp_path / "logs" / process.stream).read_text()


def test_a_function_that_is_registered_anew_has_new_processes(functions, function):
    first = json.loads(ask(functions, function, "echo").text)["pid"]
    functions.register(function)
    assert json.loads(ask(functions, function, "echo").text)["pid"] != first


def test_a_traceback_in_the_log_shows_the_users_code(functions, function, tmp_path):
    process = functions.take(function.arn, "r-1")
    functions.invoke(process, '{"do": "fail"}', "r-1")
    text = (tmp_path / "logs" / process.stream).read_text()
    assert "[ERROR] ValueError: as I said\nTraceback (most recent call last):\n" in text
    assert "bootstrap.py" not in text


def test_an_unknown_function_is_named(functions):
    with pytest.raises(ResourceNotFoundException, match="Function not found: arn:aws:lambda:x"):
        functions.take("arn:aws:lambda:x", "r-1")


def test_a_foreign_function_needs_no_stepwell(tmp_path):
    """The bootstrap is started by its path, with the standard library alone."""
    (tmp_path / "plain.py").write_text(
        "import sys\ndef handler(event, context):\n    return [m for m in sys.modules if m.startswith('stepwell')]\n"
    )
    process = FunctionProcess(Function("arn:f", "plain.handler", tmp_path, {}, 20), tmp_path / "logs")
    assert process.invoke("{}", "r").text == "[]"
    process.close()
