"""The bundle: what is in it, that it is the same wherever it is made, and that Lambda's own runtime client runs it."""

import io
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from stepwell.aws import bundle as bundling
from stepwell.aws.bundle import Bundle, bundle
from stepwell.aws.target import Target, running, target
from stepwell.aws.wheels import requirements
from stepwell.errors import BundleError, ConfigurationError
from stepwell.pipeline.find import find_pipeline
from tests.e2e.conftest import EXAMPLE, Project

HERE = Target(running(), {"aarch64": "arm64"}.get(platform.machine(), "x86_64"))
WHEELS = Path(sys.prefix) / "wheels"  # kept from one session to the next


def copied(folder: Path) -> Path:
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".stepwell", "__pycache__"))
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The example, for this machine."""
    return bundle(find_pipeline(str(copied(tmp_path_factory.mktemp("one") / "visits"))), HERE, WHEELS)


def names(made: Bundle) -> set[str]:
    return set(zipfile.ZipFile(io.BytesIO(made.content)).namelist())


def test_it_holds_the_project_the_lambda_side_and_their_wheels_and_no_more(made: Bundle) -> None:
    held = names(made)
    assert {"pipeline.py", "sql/task_01.sql", "lambda_handler.py", "stepwell/handler.py", "psycopg/__init__.py"} <= held
    parts = {name.split("/")[1] for name in held if name.startswith("stepwell/")}
    assert parts - {"__pycache__"} == {"__init__.py", "errors.py", "handler.py", "progress", "etl", "pipeline"}
    assert not {name for name in held if name.startswith(("boto", ".", "jsonata"))}
    assert made.checked == "imported, and asked for an action that it does not have"


def test_the_examples_zip_is_below_15_mb(made: Bundle) -> None:
    assert len(made.content) < 15 * 1024 * 1024


def test_made_in_another_folder_at_another_time_it_is_the_same_to_the_byte(made: Bundle, tmp_path: Path) -> None:
    folder = copied(tmp_path / "elsewhere")
    for file in folder.rglob("*"):
        os.utime(file, (1, 1))
        file.chmod(0o700)
    (folder / ".env").write_text("DATABASE_URL=secret")
    (folder / "notes.bin").write_bytes(b"not for Lambda")
    again = bundle(find_pipeline(str(folder)), HERE, WHEELS, ["notes.bin"])
    assert again.digest == made.digest


def test_bytecode_is_beside_each_source_since_a_function_cannot_write_it(made: Bundle) -> None:
    tag = sys.implementation.cache_tag
    held = names(made)
    for source in ("pipeline.py", "stepwell/handler.py", "psycopg/connection.py"):
        folder, _, name = source.rpartition("/")
        assert f"{folder + '/' if folder else ''}__pycache__/{name[:-3]}.{tag}.pyc" in held


def test_another_architecture_is_made_here_too_and_says_what_was_not_tried(tmp_path: Path) -> None:
    python = "3.12" if HERE.python == "3.13" else "3.13"
    other = Target(python, "x86_64" if HERE.architecture == "arm64" else "arm64")
    found = bundle(find_pipeline(str(copied(tmp_path / "visits"))), other, WHEELS)
    assert found.checked.startswith(f"its machine code is of {other.architecture}; importing it was not tried")
    assert not {name for name in names(found) if name.endswith(".pyc")}


def test_what_is_too_big_is_refused_with_its_biggest_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is lowered: a quarter of a gigabyte would take its time."""
    folder = copied(tmp_path / "visits")
    (folder / "model.bin").write_bytes(bytes(30_000_000))
    monkeypatch.setattr(bundling, "LARGEST", 40 * 1024 * 1024)
    with pytest.raises(
        BundleError, match=r"(?s)unzipped, the bundle has 4\d\.\d MB.*28\.6 MB  model\.bin\n.*--exclude"
    ):
        bundle(find_pipeline(str(folder)), HERE, WHEELS)


def test_machine_code_of_another_system_is_refused(tmp_path: Path) -> None:
    folder = copied(tmp_path / "visits")
    (folder / "fast.so").write_bytes(b"\xcf\xfa\xed\xfe" + bytes(60))  # as macOS has it
    with pytest.raises(BundleError, match=r"fast\.so is machine code, but not of Linux on"):
        bundle(find_pipeline(str(folder)), HERE, WHEELS)


def test_a_pipeline_that_cannot_be_imported_there_is_told_at_once(tmp_path: Path) -> None:
    """pytest is installed here, and would not be on Lambda."""
    folder = tmp_path / "visits"
    folder.mkdir()
    (folder / "pipeline.py").write_text("import pytest\nfrom stepwell import Pipeline\npipeline = Pipeline('visits')\n")
    with pytest.raises(BundleError, match="No module named 'pytest'"):
        bundle(find_pipeline(str(folder)), HERE, WHEELS)


def test_requirements_of_the_project_come_along_and_what_the_runtime_has_does_not(tmp_path: Path) -> None:
    folder = copied(tmp_path / "visits")
    (folder / "requirements.txt").write_text("# ours\nboto3>=1\nstepwell[postgres]\nhumanize==4.0  # words\n")
    wanted = requirements(find_pipeline(str(folder)), folder, Target("3.13", "arm64"))
    assert wanted == ["humanize==4.0", "psycopg[binary]<4,>=3.2"]
    folder = copied(tmp_path / "in-chunks")
    (folder / "pipeline.py").write_text(
        (EXAMPLE / "pipeline.py").read_text().replace("Pipeline, env", "Chunks, Pipeline, env")
        + "pipeline.sql('task_03', 'sql/task_02.sql', chunks=Chunks('staging.visits', by='visit_date'))\n"
    )
    wanted = requirements(find_pipeline(str(folder)), folder, Target("3.12", "arm64"))
    assert [line.split("<")[0].split(">")[0] for line in wanted] == ["postgast", "psycopg[binary]", "typing-extensions"]


@pytest.mark.parametrize(
    ("python", "architecture", "told"),
    [("3.9", None, "Lambda's Pythons that Stepwell runs on are 3.11, 3.12"), (None, "sparc", "is arm64 or x86_64")],
)
def test_a_target_that_is_none_is_refused(python: str | None, architecture: str | None, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        target(python, architecture)


# As Lambda runs it


class Runtime:
    """The Runtime API that Lambda has inside of a sandbox: hands out one event after the other, keeps the answers."""

    def __init__(self) -> None:
        self.events: Queue[str] = Queue()
        self.answers: Queue[tuple[str, Any]] = Queue()
        runtime = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = runtime.events.get().encode()
                headers = {
                    "Lambda-Runtime-Aws-Request-Id": "11111111-2222-4333-8444-555555555555",
                    "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 900) * 1000)),
                    "Content-Type": "application/json",
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:111122223333:function:visits",
                }
                self._say(200, body, headers)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                runtime.answers.put((self.path.rpartition("/")[2], body))
                self._say(202, b"{}", {})

            def _say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __call__(self, event: dict[str, Any]) -> tuple[str, Any]:
        self.events.put(json.dumps(event))
        return self.answers.get(timeout=60)


@pytest.fixture
def function(made: Bundle, visits: Project, tmp_path: Path) -> Iterator[Runtime]:
    """The unpacked bundle under awslambdaric, on a real PostgreSQL with the example's data."""
    pytest.importorskip("awslambdaric", reason="awslambdaric is there for Linux only")
    unpacked = tmp_path / "var" / "task"
    zipfile.ZipFile(io.BytesIO(made.content)).extractall(unpacked)
    client = tmp_path / "runtime"  # what the runtime brings, and nothing of the rest that is installed here
    client.mkdir()
    import awslambdaric

    packages = Path(awslambdaric.__file__).parents[1]
    for part in (
        "awslambdaric",
        "simplejson",
        "snapshot_restore_py",
        *(p.name for p in packages.glob("runtime_client*")),
    ):
        (client / part).symlink_to(packages / part)
    runtime = Runtime()
    code = f"import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p] + [{str(client)!r}]\n"
    code += "from awslambdaric.__main__ import main; main(['', 'lambda_handler.lambda_handler'])"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=unpacked,
        env={
            "PATH": os.environ["PATH"],
            "LAMBDA_TASK_ROOT": str(unpacked),
            "AWS_LAMBDA_RUNTIME_API": runtime.server.server_address[0] + f":{runtime.server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "visits",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "DATABASE_URL": str(visits.database),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield runtime
    process.kill()
    process.wait()
    runtime.server.shutdown()
    runtime.server.server_close()


def test_lambdas_runtime_client_starts_it_and_each_action_is_answered(function: Runtime, visits: Project) -> None:
    kind, answer = function({"action": "validate_config"})
    assert (kind, answer["status"]) == ("response", "done")
    kind, answer = function({"action": "task_01", "input": {"days": 30}})
    assert (kind, answer["rows"]) == ("response", 68114)
    kind, answer = function({"action": "task_02"})
    assert (kind, answer["rows"]) == ("response", 2426)
    kind, answer = function({"action": "task_99"})
    assert (kind, answer["errorType"]) == ("error", "UnknownAction")
    assert answer["errorMessage"] == "unknown action 'task_99'; this pipeline knows: validate_config, task_01, task_02"
    assert visits.python("data.py", "verify").stdout.splitlines()[-1].startswith("OK")
