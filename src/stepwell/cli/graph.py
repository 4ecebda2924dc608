"""Print the pipeline as a Mermaid graph, which GitHub, GitLab and many editors draw.

The Fail states of a task are told in a note beside it; `--all` draws every state and every way between them.

examples:
  stepwell graph
  stepwell graph --all > machine.mmd
"""

from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("target", nargs="?", help="folder, file or module:pipeline (default: ./pipeline.py)")
    parser.add_argument("--all", action="store_true", help="draw every state, also those that only failures lead to")


def main(options: Namespace) -> int:
    from stepwell.api.arns import function_arn
    from stepwell.insight.graph import mermaid
    from stepwell.pipeline.compile import compile_machine
    from stepwell.pipeline.find import find_pipeline

    pipeline = find_pipeline(options.target)
    print("\n".join(mermaid(compile_machine(pipeline, function_arn(pipeline.name)), whole=options.all)))
    return 0
