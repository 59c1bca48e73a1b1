"""Errors that say what to write instead, for a library on top of this one."""

from .engine.suggestions import absent, hinted, hinted_package, missing_in_module, names, remedies

__all__ = ["absent", "hinted", "hinted_package", "missing_in_module", "names", "remedies"]
