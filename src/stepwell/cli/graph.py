"""Print the pipeline as a Mermaid graph, which GitHub, GitLab and many editors draw, or as a picture of its own.

The Fail states of a task are told in a note beside it; `--all` draws every state and every way between them.

examples:
  stepwell graph
  stepwell graph --all > machine.mmd
  stepwell graph --svg > machine.svg      a picture, light or dark as its reader wants it
"""

from argparse import ArgumentParser, Namespace

from stepwell.cli.named import target_argument


def arguments(parser: ArgumentParser) -> None:
    target_argument(parser)
    parser.add_argument("--all", action="store_true", help="draw every state, also those that only failures lead to")
    parser.add_argument("--svg", action="store_true", help="print an SVG picture that needs nothing else")


def main(options: Namespace) -> int:
    from stepwell.api.arns import function_arn
    from stepwell.pipeline.compile import compile_machine
    from stepwell.pipeline.find import find_pipeline

    pipeline = find_pipeline(options.target)
    machine = compile_machine(pipeline, function_arn(pipeline.name))
    if options.svg:
        from stepwell.insight.drawing import svg
        from stepwell.insight.layout import layout

        print(svg(layout(machine, whole=options.all), standalone=True))
        return 0
    from stepwell.insight.graph import mermaid

    print("\n".join(mermaid(machine, whole=options.all)))
    return 0
