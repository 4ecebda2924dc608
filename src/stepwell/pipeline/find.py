"""Which pipeline is meant, and importing it from the user's folder."""

import os
import sys
from types import ModuleType

from stepwell.errors import ConfigurationError, StepwellError
from stepwell.pipeline.pipeline import Pipeline
from stepwell.pipeline.places import of_error

_FILE = "pipeline.py"


def find_pipeline(target: str | None = None, folder: str | os.PathLike[str] = ".") -> Pipeline:
    """`module:attribute`, a module, a file, a folder, or None for the folder's pipeline.py.

    The folder that the module is in goes first on the import path, and stays there.
    Raises ConfigurationError if there is no such pipeline, there are several, or importing it fails.
    """
    root, module, attribute = _resolve(target, os.path.abspath(folder))
    imported = _imported(module, root)
    pipelines = _pipelines(imported)
    name = attribute or _only(pipelines, module, root)
    if name not in pipelines:
        known = ", ".join(pipelines) or "none"
        raise ConfigurationError(f"{imported.__file__} has no pipeline called {name!r}; its pipelines: {known}")
    found = pipelines[name]
    found.root, found.target = root, f"{module}:{name}"
    return found


def _resolve(target: str | None, folder: str) -> tuple[str, str, str | None]:
    """The folder to import from, the module's name, and the pipeline's if it is given."""
    name, _, attribute = (target or _FILE).partition(":")
    path = os.path.join(folder, name)
    if os.path.isdir(path) and not attribute and not _is_package(path):
        path = os.path.join(path, _FILE)
    elif not name.endswith(".py") and os.sep not in name:
        return folder, name, attribute or None
    if not os.path.isfile(path):
        raise ConfigurationError(
            f"there is no {os.path.basename(path)} in {os.path.dirname(path)}; "
            "make a pipeline with `stepwell new NAME`, or name one as folder, file or module:pipeline"
        )
    return os.path.dirname(path), os.path.basename(path)[:-3], attribute or None


def _is_package(path: str) -> bool:
    """A package is meant as a module, unless it is a project's folder: one that holds a pipeline.py."""
    inside = os.listdir(path)
    return "__init__.py" in inside and _FILE not in inside


def _imported(module: str, root: str) -> ModuleType:
    _forget_namesake(module, root)
    before = list(sys.path)
    sys.path[:] = [root, *(entry for entry in before if entry != root)]
    try:
        __import__(module)
        if sys.modules[module].__file__ is None:  # a folder without code, which Python takes for a package
            del sys.modules[module]
            raise ModuleNotFoundError(name=module)
    except BaseException as error:
        sys.path[:] = before
        if isinstance(error, KeyboardInterrupt):
            raise
        raise _explained(error, module, root) from None
    return sys.modules[module]


def _forget_namesake(module: str, root: str) -> None:
    """Many folders have a module `pipeline`; one that was imported from another folder is not the one that is meant."""
    head = module.partition(".")[0]
    loaded = sys.modules.get(head)
    if loaded is None or head in sys.builtin_module_names:
        return
    file = getattr(loaded, "__file__", None) or ""
    meant = (os.path.join(root, f"{head}.py"), os.path.join(root, head, "__init__.py"))
    if os.path.abspath(file) not in meant and any(map(os.path.isfile, meant)):
        for name in [name for name in sys.modules if name == head or name.startswith(f"{head}.")]:
            del sys.modules[name]


def _explained(error: BaseException, module: str, root: str) -> StepwellError:
    if isinstance(error, StepwellError):
        return error.with_traceback(None)
    if isinstance(error, ModuleNotFoundError) and error.name in (module, module.partition(".")[0]):
        return ConfigurationError(
            f"there is no module {module!r} in {root}; name a folder, a file or module:pipeline that exists"
        )
    place = of_error(error, root) or module
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return ConfigurationError(f"{place}: importing the pipeline failed: {type(error).__name__}: {text}")


def _pipelines(module: ModuleType) -> dict[str, Pipeline]:
    return {name: value for name, value in vars(module).items() if isinstance(value, Pipeline)}


def _only(pipelines: dict[str, Pipeline], module: str, root: str) -> str:
    different: dict[int, str] = {}
    for name, pipeline in pipelines.items():
        different.setdefault(id(pipeline), name)
    names = list(different.values())
    if len(names) == 1:
        return names[0]
    if not names:
        raise ConfigurationError(f"{module}.py in {root} makes no Pipeline; write: pipeline = Pipeline({module!r})")
    targets = ", ".join(f"{module}:{name}" for name in names)
    raise ConfigurationError(f"{module}.py in {root} makes several pipelines; name one of {targets}")
