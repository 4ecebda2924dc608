"""The closed door: each way in that a web page, another machine or a flood would try is tried here."""

import json
import socket

import pytest

from tests.api.served import ROLE

TARGET = "AWSStepFunctions.ListStateMachines"
JSON_1_0 = "application/x-amz-json-1.0"
FUNCTIONS = "/2015-03-31/functions"


def send(served, head, body=b""):
    """One raw request; its status and the error's name."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        answer, _, rest = data.partition(b"\r\n\r\n")
        size = int(answer.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(rest) < size:
            rest += connection.recv(65536)
    return int(answer.split()[1]), json.loads(rest).get("__type") if rest else None


def post(served, *, body=b"{}", path="/", without=(), **headers):
    """An honest request of ListStateMachines, but for these headers."""
    given = {
        "Host": f"127.0.0.1:{served.port}",
        "X-Amz-Target": TARGET,
        "Content-Type": JSON_1_0,
        "Content-Length": str(len(body)),
    } | {key.replace("_", "-"): value for key, value in headers.items()}
    lines = [f"{key}: {value}" for key, value in given.items() if key not in without]
    return send(served, [f"POST {path} HTTP/1.1", *lines], body)


def test_an_honest_request_comes_in(served):
    assert post(served) == (200, None)
    assert post(served, Host="localhost") == (200, None)
    assert post(served, Host=f"[::1]:{served.port}") == (200, None)


def test_only_loopback_is_listened_on(served):
    """127.0.0.2 is this machine too: it would answer if every address were listened on."""
    with pytest.raises(OSError):  # noqa: PT011
        socket.create_connection(("127.0.0.2", served.port), timeout=60)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8083", "127.0.0.1.evil.example", "192.168.0.7", "", "[", "0.0.0.0"]
)
def test_a_name_that_was_rebound_to_this_machine_is_refused(served, host):
    assert post(served, Host=host) == (403, "Forbidden")
    assert post(served, path=FUNCTIONS, Host=host) == (403, "Forbidden")


def test_no_host_and_two_hosts_are_refused(served):
    assert post(served, without=("Host",)) == (403, "Forbidden")
    head = ["POST / HTTP/1.1", "Host: localhost", "Host: evil.example", f"Content-Type: {JSON_1_0}"]
    assert send(served, head) == (403, "Forbidden")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1:8083"])
def test_a_web_page_is_refused_whatever_its_origin(served, origin):
    assert post(served, Origin=origin) == (403, "Forbidden")
    assert post(served, path=FUNCTIONS, Origin=origin, Content_Type="application/json") == (403, "Forbidden")


def test_a_preflight_is_refused(served):
    head = [
        "OPTIONS / HTTP/1.1",
        "Host: localhost",
        "Origin: https://evil.example",
        "Access-Control-Request-Method: POST",
    ]
    assert send(served, head) == (403, "Forbidden")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "junk"]
)
def test_what_a_form_can_send_is_refused(served, kind):
    assert post(served, Content_Type=kind) == (400, "SerializationException")
    assert post(served, path=FUNCTIONS, Content_Type=kind) == (400, "SerializationException")


def test_step_functions_needs_its_content_type(served):
    assert post(served, without=("Content-Type",)) == (400, "SerializationException")
    assert post(served, Content_Type="application/json") == (400, "SerializationException")


@pytest.mark.parametrize(("path", "size"), [("/", 3 * 1024 * 1024 + 1), (FUNCTIONS, 70_000_001), ("/", 10**18)])
def test_a_body_that_is_too_large_is_refused_before_it_is_read(served, path, size):
    kind = JSON_1_0 if path == "/" else "application/json"
    assert post(served, path=path, body=b"", Content_Length=str(size), Content_Type=kind) == (
        413,
        "RequestTooLargeException",
    )


@pytest.mark.parametrize(
    "headers", [{"Transfer_Encoding": "chunked"}, {"Content_Length": "-1"}, {"Content_Length": "1e3"}]
)
def test_a_body_of_unknown_length_is_refused(served, headers):
    assert post(served, **headers)[0] == 400


def test_a_header_without_end_is_refused(served):
    assert post_long(served) in (400, 431)


def post_long(served):
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nX: " + b"x" * 70000 + b"\r\n\r\n")
        return int(connection.recv(4096).split()[1])


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"nextToken": "\\ud800"}']
)
def test_a_body_that_is_no_request_is_no_fault_of_ours(served, body):
    assert post(served, body=body)[0] == 400


def test_an_unknown_action_and_path_are_refused(served):
    assert post(served, X_Amz_Target="AWSStepFunctions.BrewCoffee") == (400, "UnknownOperationException")
    assert post(served, X_Amz_Target="Else.ListStateMachines") == (400, "UnknownOperationException")
    assert post(served, without=("X-Amz-Target",)) == (400, "UnknownOperationException")
    assert post(served, path=f"{FUNCTIONS}/f/brew", Content_Type="application/json") == (
        400,
        "UnknownOperationException",
    )


def test_a_page_that_is_opened_in_a_browser_shows_nothing(served):
    assert send(served, ["GET / HTTP/1.1", "Host: localhost"])[0] == 400


def test_a_client_that_goes_away_leaves_the_server_well(served):
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n")
    assert post(served) == (200, None)


def test_a_role_is_only_a_name_here(sfn):
    """Nothing is looked up under it; it is shown where AWS shows it."""
    made = sfn.create_state_machine(
        name="role", definition='{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}', roleArn=ROLE
    )
    assert sfn.describe_state_machine(stateMachineArn=made["stateMachineArn"])["roleArn"] == ROLE
