"""The one door for developers: what `./dev` sets up, when it does so again, and what it says when it cannot."""

import ast
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.until import until

ROOT = Path(__file__).parents[1]
SETS_UP = "Setting up .venv"
BARE = {"PATH": f"{sys.base_prefix}/bin:/usr/bin:/bin"}

# A project that installs without a network, its `stepwell` and its `pytest` say how they were called.
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "stepwell"
version = "1"
"""
BACKEND = """
import os, time, zipfile

EXTRAS = "Provides-Extra: postgres\\nProvides-Extra: test\\nProvides-Extra: dev\\n"
FILES = {
    "pytest.py": "import sys; print('pytest', *sys.argv[1:])",
    "small_project.py": "import sys\\ndef main():\\n    print('stepwell', *sys.argv[1:])\\n    return 7",
    "stepwell-1.dist-info/METADATA": "Metadata-Version: 2.1\\nName: stepwell\\nVersion: 1\\n" + EXTRAS,
    "stepwell-1.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: here\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    "stepwell-1.dist-info/entry_points.txt": "[console_scripts]\\nstepwell = small_project:main\\n",
    "stepwell-1.dist-info/RECORD": "",
}

def build_editable(folder, config_settings=None, metadata_directory=None):
    if os.path.exists("hang"):
        open("hanging", "w").close()
        time.sleep(600)
    with zipfile.ZipFile(os.path.join(folder, "stepwell-1-py3-none-any.whl"), "w") as wheel:
        for name, text in FILES.items():
            wheel.writestr(name, text)
    return "stepwell-1-py3-none-any.whl"
"""


def small_project(folder: Path) -> Path:
    folder.mkdir()
    shutil.copy(ROOT / "dev", folder)
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "backend.py").write_text(BACKEND)
    return folder


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose environment is made by the first test that needs it."""
    folder = small_project(tmp_path_factory.mktemp("dev") / "checkout")
    assert SETS_UP in dev(folder, "stepwell").stdout
    return folder


def dev(folder: Path, *arguments: str, python: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*([python] if python else []), "./dev", *arguments],
        cwd=folder,
        env=BARE | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


# Set-up


@pytest.mark.skipif(not shutil.which("git") or not (ROOT / ".git").exists(), reason="needs the repository")
def test_a_fresh_clone_needs_nothing_but_python(tmp_path: Path) -> None:
    """The real project, in a new folder, with an empty environment and a home that does not exist."""
    listed = subprocess.check_output(["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, text=True)
    for name in filter(None, listed.split("\0")):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, target)
    one_test = ["test", "tests/test_dev.py", "-k", "alone_it_lists"]
    first = dev(tmp_path, *one_test, HOME=str(tmp_path / "home"))
    assert first.returncode == 0, first.stdout
    assert SETS_UP in first.stdout
    assert "1 passed" in first.stdout
    again = dev(tmp_path, *one_test, python="python3", HOME=str(tmp_path / "home"))
    assert SETS_UP not in again.stdout
    assert "1 passed" in again.stdout


def test_what_is_installed_is_not_installed_again(checkout: Path) -> None:
    done = dev(checkout, "stepwell", "run", "--name", "x")
    assert done.stdout == "stepwell run --name x\n"


def test_the_exit_code_is_the_commands_own(checkout: Path) -> None:
    assert dev(checkout, "stepwell").returncode == 7


def test_a_command_works_in_the_folder_where_it_was_called(checkout: Path, tmp_path: Path) -> None:
    done = subprocess.run([checkout / "dev", "stepwell"], cwd=tmp_path, env=BARE, capture_output=True, text=True)
    assert done.stdout == "stepwell\n"


def test_a_changed_project_file_is_installed(checkout: Path) -> None:
    with (checkout / "pyproject.toml").open("a") as project:
        project.write("# changed\n")
    assert SETS_UP in dev(checkout, "stepwell").stdout
    assert SETS_UP not in dev(checkout, "stepwell").stdout


def test_a_command_that_needs_more_installs_more_and_the_rest_find_it_there(tmp_path: Path) -> None:
    folder = small_project(tmp_path / "checkout")
    assert SETS_UP in dev(folder, "stepwell").stdout
    assert dev(folder, "test", "-k", "x").stdout.splitlines()[-1] == "pytest -k x"
    assert SETS_UP not in dev(folder, "stepwell").stdout
    assert SETS_UP not in dev(folder, "test").stdout


def test_an_interrupted_set_up_is_not_taken_for_a_complete_one(tmp_path: Path) -> None:
    folder = small_project(tmp_path / "checkout")
    (folder / "hang").touch()
    first = subprocess.Popen(
        ["./dev", "stepwell"],
        cwd=folder,
        env=BARE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until(lambda: first.poll() is not None or (folder / "hanging").exists(), "the set-up builds the project")
    assert first.poll() is None
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    (folder / "hang").unlink()
    second = dev(folder, "stepwell")
    assert SETS_UP in second.stdout
    assert second.stdout.endswith("stepwell\n")


def test_a_set_up_that_fails_is_tried_again(tmp_path: Path) -> None:
    folder = small_project(tmp_path / "checkout")
    (folder / "backend.py").write_text("raise SystemExit('no backend today')")
    failed = dev(folder, "stepwell")
    assert failed.returncode == 1
    assert failed.stdout.endswith("The project could not be installed; what went wrong is said above.\n")
    (folder / "backend.py").write_text(BACKEND)
    assert dev(folder, "stepwell").stdout.endswith("stepwell\n")


def test_pip_takes_over_when_uv_fails(tmp_path: Path) -> None:
    folder = small_project(tmp_path / "checkout")
    uv = tmp_path / "bin/uv"
    uv.parent.mkdir()
    uv.write_text("#!/bin/sh\necho uv cannot reach its index >&2\nexit 2\n")
    uv.chmod(0o700)
    done = dev(folder, "stepwell", PATH=f"{uv.parent}:{BARE['PATH']}")
    assert "uv cannot reach its index\nuv failed, pip takes over.\n" in done.stdout
    assert done.stdout.endswith("stepwell\n")


def test_without_venv_it_says_what_to_install(tmp_path: Path) -> None:
    """As on a Debian without `python3-venv`."""
    folder = small_project(tmp_path / "checkout")
    (folder / "sitecustomize.py").write_text("import sys; sys.modules['ensurepip'] = None")
    done = dev(folder, "stepwell", python=sys.executable, PYTHONPATH=str(folder))
    assert done.returncode == 1
    assert "comes without venv. Install it, then call again" in done.stdout
    assert f"apt-get install -y python3.{sys.version_info.minor}-venv" in done.stdout


# Commands


def test_alone_it_lists_its_commands() -> None:
    done = dev(ROOT)
    assert done.returncode == 0
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["run", "test", "check", "bench", "stepwell"]


def test_an_unknown_command_is_a_mistake() -> None:
    done = dev(ROOT, "fly")
    assert done.returncode == 2
    assert done.stdout == dev(ROOT).stdout


def test_an_unknown_benchmark_is_answered_with_those_that_there_are(checkout: Path) -> None:
    (checkout / "benchmarks").mkdir()
    (checkout / "benchmarks/one.py").touch()
    (checkout / "benchmarks/two.py").touch()
    done = dev(checkout, "bench", "three")
    assert done.returncode == 2
    assert done.stdout == "./dev bench NAME, where NAME is one of: one, two\n"


def test_run_generates_runs_and_verifies_in_the_example(checkout: Path) -> None:
    example = checkout / "examples/visits"
    example.mkdir(parents=True)
    (example / "data.py").write_text("import shutil, sys; print(*sys.argv, flush=True)")
    done = dev(checkout, "run", "--rows", "5", "--name", "x")
    assert done.stdout.splitlines() == ["data.py generate --rows 5", "stepwell run --name x"]
    assert done.returncode == 7  # of the step that failed; nothing is verified after it


# Python


def test_every_python_since_3_6_can_read_the_script() -> None:
    ast.parse((ROOT / "dev").read_text(), feature_version=(3, 6))


OLD = [
    *Path("~/.pyenv/versions").expanduser().glob("3.[6-9].*"),
    *Path("~/.pyenv/versions").expanduser().glob("3.10.*"),
]


@pytest.mark.skipif(not OLD, reason="there is no old Python here")
@pytest.mark.parametrize("home", OLD, ids=lambda home: home.name)
def test_an_old_python_is_refused_with_a_clear_word(home: Path) -> None:
    done = dev(ROOT, "test", python=str(home / "bin/python"), PATH="/nowhere")
    assert done.returncode == 1
    assert done.stdout.startswith(f"Stepwell needs Python 3.11 or newer; this is {home.name}")


@pytest.mark.skipif(not OLD, reason="there is no old Python here")
def test_an_old_python_hands_over_to_a_newer_one(tmp_path: Path) -> None:
    (tmp_path / f"python3.{sys.version_info.minor}").symlink_to(sys.executable)
    done = dev(ROOT, "fly", python=str(OLD[0] / "bin/python"), PATH=str(tmp_path))
    assert done.returncode == 2
