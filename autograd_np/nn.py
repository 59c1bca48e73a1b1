"""``from autograd_np import nn``: this library's ``nn``, also where a program's own ``nn.py`` has that name.

The package is found by its place beside ``autograd_np``. Where ``import nn`` finds it too, the two are one module with
one copy of each class, and ``autograd_np.nn.layers`` is ``nn.layers``. Where the name ``nn`` is another's it is loaded
as ``autograd_np.nn``, and pickles that name their classes ``nn.…`` find them all the same, unless the other ``nn`` is a
package with modules of its own.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Sequence
from pathlib import Path

from .engine.errors import NETWORKS

_FULL, _SHORT = "autograd_np.nn", "nn"


def _is_ours(where: object) -> bool:
    """Whether a module, or what an import would load, is the package."""
    origin = getattr(where, "__file__", None) or getattr(where, "origin", None)
    return origin is not None and Path(origin).resolve() == NETWORKS


class _OtherName(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports of the package, and of the modules in it, by the name that they are not loaded under.

    Args:
        package: what is loaded, as ``nn`` or as ``autograd_np.nn``.
    """

    def __init__(self, package: types.ModuleType) -> None:
        self.package = package
        self.alias = _FULL if package.__name__ == _SHORT else _SHORT
        self.specs: dict[str, importlib.machinery.ModuleSpec | None] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        top, dot, _ = fullname.partition(f"{self.alias}.")
        if fullname == self.alias == _SHORT:
            ours = _is_ours(importlib.machinery.PathFinder.find_spec(_SHORT))
        else:
            ours = bool(dot) and not top and sys.modules.get(self.alias) is self.package
        return importlib.util.spec_from_loader(fullname, self) if ours else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        module = importlib.import_module(self.package.__name__ + spec.name.removeprefix(self.alias))
        self.specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Give the module its own spec back: importing it by another name has put that of this loader there."""
        for name, spec in self.specs.items():
            if sys.modules.get(name) is module:
                module.__spec__ = spec


def _load() -> types.ModuleType:
    there = sys.modules.get(_SHORT)
    if there is not None and _is_ours(there):
        return there
    found = importlib.util.find_spec(_SHORT) if there is None else there.__spec__
    if there is None and _is_ours(found):
        return importlib.import_module(_SHORT)
    spec = importlib.util.spec_from_file_location(_FULL, NETWORKS, submodule_search_locations=[str(NETWORKS.parent)])
    if spec is None or spec.loader is None or not NETWORKS.exists():
        raise ImportError(f"the package nn does not lie beside autograd_np, where {NETWORKS} would be; install both")
    package = importlib.util.module_from_spec(spec)
    sys.modules[_FULL] = package
    spec.loader.exec_module(package)
    if found is None or found.submodule_search_locations is None:
        loaded = {name: module for name, module in sys.modules.items() if name.startswith(f"{_FULL}.")}
        for name, module in loaded.items():
            sys.modules.setdefault(name.removeprefix("autograd_np."), module)
    return package


_package = _load()
sys.modules[_FULL] = _package
sys.meta_path.insert(0, _OtherName(_package))
