"""Errors that say what to write instead, for a library on top of this one."""

from .engine.suggestions import hinted, hinted_package, missing, missing_in_module, remedies

__all__ = ["hinted", "hinted_package", "missing", "missing_in_module", "remedies"]
