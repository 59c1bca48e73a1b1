"""Atomic file writes, for a library on top of this one: a file is the old one or the new one, whole, also when the program is killed."""

from .engine.files import replacing

__all__ = ["replacing"]
