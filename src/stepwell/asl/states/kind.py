"""What each type of state provides: its own fields, how they compile, and how it is entered and left."""

from collections.abc import Callable
from typing import Any, NamedTuple

from stepwell.asl.dataflow import leave
from stepwell.asl.model import Machine, State
from stepwell.asl.outcome import Go, Outcome
from stepwell.asl.payload import Payload
from stepwell.asl.reader import Reader
from stepwell.asl.scope import Scope

Branch = Callable[[Reader], Machine]


class Kind(NamedTuple):
    """`compile` makes what State.detail holds. `ends`: the state has neither Next nor End; a Choice has its Default."""

    fields: frozenset[str]
    compile: Callable[[Reader, Branch], Any]
    enter: Callable[[State, Payload, Scope], Outcome]
    resume: Callable[[State, Payload, Payload, Scope], Go] = leave
    ends: bool = False
