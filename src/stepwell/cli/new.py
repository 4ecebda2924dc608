"""Make a new pipeline: one SQL task, one Python task, a test, and what puts it on AWS. It runs at once.

examples:
  stepwell new visits && cd visits && stepwell run
"""

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from stepwell.errors import UsageError
from stepwell.pipeline.names import PLACEHOLDER

ROLES, KINDS = ("lambda", "states", "scheduler"), ("trust", "permissions")
TEMPLATES = Path(__file__).parent / "templates"
# Where each template goes. They end in .in, so that no tool takes them for files of this project.
FILES = {
    "pipeline.py.in": "pipeline.py",
    "task_01.sql.in": "sql/task_01.sql",
    "test_pipeline.py.in": "tests/test_pipeline.py",
    "README.md.in": "README.md",
    "gitignore.in": ".gitignore",
}
AWS_FILES = {
    "README.md.in": "README.md",
    "STEP_FUNCTIONS_DEPLOYMENT.md.in": "STEP_FUNCTIONS_DEPLOYMENT.md",
    "deploy_step_functions.sh": "deploy_step_functions.sh",
    "deploy_step_functions.ps1": "deploy_step_functions.ps1",
    **{f"policies/{role}_{kind}.json": f"policies/{role}_{kind}.json" for role in ROLES for kind in KINDS},
}
DEFINITION = "step_functions/etl_pipeline.json"


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the pipeline's name, and that of its folder (a path works too)")


def main(options: Namespace) -> int:
    folder = Path(options.name)
    name = folder.absolute().name
    _check(name, folder)
    try:
        write(TEMPLATES, FILES, folder, name)
        write_aws(folder / "aws", name, folder)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from None
    _print_next(name, str(folder))
    return 0


def write(templates: Path, files: dict[str, str], folder: Path, name: str) -> None:
    """Each template in its place, filled in; what can be run stays so."""
    for template, target in files.items():
        file = folder / target
        file.parent.mkdir(parents=True, exist_ok=True)
        text = (templates / template).read_text(encoding="utf-8")
        file.write_text(text.replace("{{name}}", name), encoding="utf-8")
        if target.endswith(".sh"):
            file.chmod(0o755)


def write_aws(folder: Path, name: str, project: Path) -> None:
    """What puts the pipeline in `project` on AWS with the `aws` command alone."""
    from stepwell.pipeline.compile import compile_machine, to_json
    from stepwell.pipeline.find import find_pipeline

    write(TEMPLATES / "aws", AWS_FILES, folder, name)
    definition = compile_machine(find_pipeline(str(project.absolute())), PLACEHOLDER)
    (folder / DEFINITION).parent.mkdir(exist_ok=True)
    (folder / DEFINITION).write_text(to_json(definition) + "\n", encoding="utf-8")


def _check(name: str, folder: Path) -> None:
    from stepwell.pipeline.names import check_pipeline_name

    check_pipeline_name(name, "stepwell new")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; choose another name")
    if folder.is_dir() and os.listdir(folder):
        raise UsageError(f"the folder {folder} is not empty; choose another name, or empty it first")


def _print_next(name: str, folder: str) -> None:
    from shlex import quote

    width = max(len(target) for target in FILES.values())
    about = {
        "pipeline.py": "the pipeline: the order of its tasks",
        "sql/task_01.sql": "the first task, in SQL",
        "tests/test_pipeline.py": "its test; run it with `pytest`",
        "aws/README.md": "how it comes to AWS without Stepwell there",
    }
    print(f"The pipeline {name} is in {folder}/:\n")
    for target, text in about.items():
        print(f"  {target:<{width}}  {text}")
    print(f"\nNext:\n\n  cd {quote(folder)}\n  stepwell run\n  stepwell sql 'select * from calendar.summary'")
