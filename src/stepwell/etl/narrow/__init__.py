"""Running an unchanged SQL task on one range of keys at a time: proven first, frozen then, never guessed."""

from stepwell.etl.narrow.analysis import narrow
from stepwell.etl.narrow.narrowed import Narrowed, NarrowedStatement
from stepwell.etl.narrow.witness import Finding, witness

__all__ = ["Finding", "Narrowed", "NarrowedStatement", "narrow", "witness"]
