"""Invoke one action of the pipeline's Lambda function, as the Lambda console does: once, without a state machine.

The invocation is a run of its own. What the task prints goes to stderr, its receipt to stdout.

examples:
  stepwell invoke validate_config
  stepwell invoke task_02 --input '{"days": 7}'
  stepwell invoke task_02 --on aws    the deployed function
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from stepwell.cli import side
from stepwell.cli.named import target_argument
from stepwell.errors import BadInput

if TYPE_CHECKING:
    from stepwell.pipeline.pipeline import Pipeline
    from stepwell.resources.function import Response


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("action", metavar="ACTION", help="a task's name, or validate_config")
    target_argument(parser)
    side.arguments(parser)
    parser.add_argument("--input", metavar="JSON", default="{}", help="parameters, for instance '{\"days\": 7}'")


def main(options: Namespace) -> int:
    if options.on == side.AWS:
        from stepwell.cli.remote import invoke

        return invoke(options, {"action": options.action, "input": parsed(options.input)})
    side.refuse_for_local(options)
    from stepwell.pipeline.find import find_pipeline

    pipeline = find_pipeline(options.target)
    pipeline.action(options.action)
    response = invoked(pipeline, {"action": options.action, "input": parsed(options.input)})
    if response.text is not None:
        print(json.dumps(json.loads(response.text), indent=2, ensure_ascii=False))
        return 0
    return report(options.action, response)


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadInput(f"--input is not JSON: {error}; example: --input '{{\"days\": 7}}'") from None


def invoked(pipeline: "Pipeline", event: dict[str, Any], timeout: int | None = None) -> "Response":
    """Run the event in a function process of its own, and show meanwhile what it prints."""
    from pathlib import Path
    from threading import Thread

    from stepwell.api.arns import function_arn
    from stepwell.cli.database import environment
    from stepwell.cli.local import HANDLER, home, progress_url
    from stepwell.engine.tasks import uuid_of
    from stepwell.progress import VARIABLE
    from stepwell.resources.function import Function, FunctionProcess

    folder = home(Path(pipeline.folder))
    ours = {"STEPWELL_PIPELINE": pipeline.target or "", VARIABLE: progress_url(folder)}
    variables = ours | environment(pipeline, folder)
    arn = function_arn(pipeline.name)
    timeout = timeout or pipeline.action(event["action"]).timeout
    process = FunctionProcess(Function(arn, HANDLER, Path(pipeline.root or "."), variables, timeout), folder / "logs")
    request = uuid_of(process.stream)
    try:
        answers: list[Response] = []
        call = Thread(target=lambda: answers.append(process.invoke(json.dumps(event), request)), daemon=True)
        call.start()
        _show_log(folder / "logs" / process.stream, request, call)
    finally:
        process.kill()
        call.join()
        process.close()
    return answers[0]


def _show_log(file: Any, request: str, call: Any) -> None:
    from stepwell.cli.streams import Cut, Said

    cut, said = Cut(file, request), Said()
    while True:
        over = not call.is_alive()
        for line in filter(said, cut.lines(whole=over)):
            print(line, file=sys.stderr, flush=True)
        if over:
            return
        call.join(0.02)


def report(action: str, response: "Response") -> int:
    from stepwell.cli.terminal import Terminal
    from stepwell.insight.visit import message_of

    message = message_of(response.cause or "") or "no message"
    print(f"{Terminal(sys.stderr).red('error:')} {action} failed: {response.error}: {message}", file=sys.stderr)
    return 1
