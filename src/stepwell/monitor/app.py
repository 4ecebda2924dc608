"""The pages and where they are: addresses, what stands behind each, and the few requests that change something."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from stepwell.errors import StepwellError
from stepwell.insight.drawing import STYLE
from stepwell.insight.timeline import title
from stepwell.monitor.desk import Desk, News, NotThere
from stepwell.monitor.guard import Guard
from stepwell.monitor.hub import Hub, Look, Topic
from stepwell.monitor.pipelines import pipeline_page
from stepwell.monitor.render import render
from stepwell.monitor.runs import Wanted
from stepwell.monitor.source import Source
from stepwell.monitor.views import all_logs, events_page, run_page, run_url, runs_page, state_view, url

STATIC = Path(__file__).with_name("static")
TABS = ("", "events", "logs", "data")
Answer = TypeVar("Answer")


def application(source: Source, hosts: frozenset[str], token: str) -> Guard:
    """The ASGI application. `hosts` are what it may be called in a Host header."""
    site = _Site(source)
    routes = [
        Route("/", site.runs),
        Route("/live", site.runs_live),
        Route("/pipelines/{pipeline}", site.pipeline),
        Route("/runs/{pipeline}/{name}", site.run),
        Route("/runs/{pipeline}/{name}/live", site.run_live),
        Route("/runs/{pipeline}/{name}/state", site.state),
        Route("/runs/{pipeline}/{name}/resume", site.resume, methods=["POST"]),
        Route("/runs/{pipeline}/{name}/stop", site.stop, methods=["POST"]),
        Route("/static/graph.css", site.style),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    handlers: Any = {StepwellError: site.refused, 404: site.missing, Exception: site.refused}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), hosts, token)


class _Site:
    def __init__(self, source: Source) -> None:
        self._desk = Desk(source)
        self._hub = Hub()
        self._threads = ThreadPoolExecutor(source.threads, "monitor")

    async def _ask(self, question: Callable[..., Answer], *values: Any) -> Answer:
        """What reads runs in a thread of its own: a slow answer holds up nobody's stream."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(question, *values))

    def _page(self, template: str, kind: str, status: int = 200, **values: Any) -> HTMLResponse:
        shared = {"kind": kind, "place": self._desk.source.place, "url": url, "run_url": run_url, "title": title}
        return HTMLResponse(render(template, shared | values), status, {"cache-control": "no-store"})

    # Pages

    async def runs(self, request: Request) -> Response:
        asked = request.query_params
        wanted = Wanted(asked.get("status", "").upper(), asked.get("pipeline", ""), asked.get("q", ""))
        template = "list.html" if "part" in asked else "runs.html"
        return await self._ask(self._runs, template, wanted, _number(asked.get("page")) or 1)

    def _runs(self, template: str, wanted: Wanted, page: int) -> Response:
        desk = self._desk
        desk.runs.refresh()
        return self._page(
            template, "runs", version=desk.runs.version, **runs_page(desk.source, desk.runs, desk.shelf, wanted, page)
        )

    async def pipeline(self, request: Request) -> Response:
        return await self._ask(self._pipeline, request.path_params["pipeline"])

    def _pipeline(self, name: str) -> Response:
        desk = self._desk
        desk.runs.refresh()
        if name not in desk.runs.machines:
            raise NotThere(f"There is no pipeline {name!r}.")
        runs = desk.runs.of(name, 1_000_000)
        values = pipeline_page(desk.source, desk.history, desk.runs.machines[name], runs)
        return self._page("pipeline.html", "pipeline", **values)

    async def run(self, request: Request) -> Response:
        return await self._ask(self._run, request.path_params, dict(request.query_params))

    def _run(self, path: dict[str, str], asked: dict[str, str]) -> Response:
        source = self._desk.source
        watched = self._desk.watched(path["pipeline"], path["name"])
        tab = asked.get("tab", "")
        values = run_page(source, watched, asked.get("state"), _number(asked.get("visit")))
        if tab == "events":
            values |= events_page(watched, asked.get("q", ""), _number(asked.get("page")) or 1)
        elif tab == "logs":
            values |= {"logs": all_logs(source, watched)}
        return self._page("run.html", "run", **values, tab=tab if tab in TABS else "")

    async def state(self, request: Request) -> Response:
        """The part of a run's page about one state."""
        return await self._ask(self._state, request.path_params, dict(request.query_params))

    def _state(self, path: dict[str, str], asked: dict[str, str]) -> Response:
        watched = self._desk.watched(path["pipeline"], path["name"])
        view = state_view(self._desk.source, watched, asked.get("state", ""), _number(asked.get("visit")))
        if view is None:
            raise NotThere("The machine has no such state.")
        return self._page("state.html", "state", state=view, watched=watched)

    async def style(self, _: Request) -> Response:
        return Response(STYLE.read_text(), media_type="text/css", headers={"cache-control": "no-cache"})

    # Live

    async def runs_live(self, request: Request) -> Response:
        seen = _number(request.query_params.get("version"))

        async def missed() -> dict[str, Any] | None:
            version = self._desk.runs.version
            return {"version": version} if seen != version else None

        return _stream(self._hub.topic("runs", self._news_of_runs), missed)

    def _news_of_runs(self) -> Look:
        async def look() -> dict[str, Any] | None:
            changed = await self._ask(self._desk.runs.refresh)
            return {"version": self._desk.runs.version} if changed else None

        return look

    async def run_live(self, request: Request) -> Response:
        path = request.path_params
        await self._ask(self._desk.run, path["pipeline"], path["name"])
        news = News(self._desk, path["pipeline"], path["name"])
        seen = _number(request.query_params.get("version")) or -1
        topic = self._hub.topic(request.url.path, lambda: lambda: self._ask(news))
        return _stream(topic, lambda: self._ask(news.missed, seen))

    # What changes something

    async def resume(self, request: Request) -> Response:
        asked = await request.json()
        task = asked.get("task") if isinstance(asked, dict) else None
        return await self._ask(self._resume, request.path_params, task if isinstance(task, str) and task else None)

    def _resume(self, path: dict[str, str], task: str | None) -> Response:
        watched = self._desk.watched(path["pipeline"], path["name"])
        arn = self._desk.source.resume(watched.execution, task)
        machine, _, name = arn.rpartition(":")
        return JSONResponse({"executionArn": arn, "href": url("runs", machine.rpartition(":")[2], name)})

    async def stop(self, request: Request) -> Response:
        return await self._ask(self._stop, request.path_params)

    def _stop(self, path: dict[str, str]) -> Response:
        self._desk.source.stop(self._desk.watched(path["pipeline"], path["name"]).execution)
        return JSONResponse({})

    # What goes wrong

    async def refused(self, request: Request, error: Exception) -> Response:
        status = error.status if isinstance(error, StepwellError) else 500
        text = error.message if isinstance(error, StepwellError) else f"{type(error).__name__}: {error}"
        if request.method != "GET":
            return JSONResponse({"message": text}, status)
        heading = "Not found" if status == 404 else "This cannot be shown"
        return self._page("error.html", "error", status, heading=heading, message=text)

    async def missing(self, request: Request, _: Exception) -> Response:
        return await self.refused(request, NotThere("There is no such page."))


def _stream(topic: Topic, missed: Look) -> Response:
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(topic.listen(missed), media_type="text/event-stream", headers=headers)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 16 else None
