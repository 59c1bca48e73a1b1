"""The public names and signatures are those of ``references/public_api.json``: what is there stays there.

``python tests/house/test_public_api.py`` writes the file anew, after an addition; a name that goes, or a parameter that
changes its name, its kind or its default, is a change that users must be told of (see docs/public_api.md).
"""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "references" / "public_api.json"
NAMESPACES = (
    "autograd_np", "autograd_np.linalg", "autograd_np.fft", "autograd_np.special", "autograd_np.tracing",
    "nn", "nn.data", "nn.functional", "nn.init", "nn.losses", "nn.metrics", "nn.optim", "nn.plot", "nn.schedules",
)  # fmt: skip


def shown(function: Any) -> str:
    """A signature without annotations: names, kinds, defaults."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return "?"
    plain = (bool, int, float, complex, str, tuple, type(None))
    parameters = [
        # (Of an object that is a default the repr may hold an address.)
        p.replace(
            annotation=p.empty,
            default=p.default if p.default is p.empty or isinstance(p.default, plain) else "an object",
        )
        for p in signature.parameters.values()
    ]
    return str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


def members(kind: type, public: set[type]) -> dict[str, str]:
    """The public methods and properties of a class of the library, also those that it inherits from a private one."""
    found = {}
    for name in dir(kind):
        if name.startswith("_") or not hasattr(
            kind, name
        ):  # of names that users of other libraries ask for, remedies are there
            continue
        home = next(base for base in kind.__mro__ if name in vars(base))
        value = inspect.getattr_static(kind, name)
        if home.__module__.partition(".")[0] not in ("autograd_np", "nn") or (home is not kind and home in public):
            continue
        if isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        found[name] = "property" if isinstance(value, property) else shown(value) if callable(value) else "attribute"
    return found


def snapshot() -> dict[str, str]:
    """Name → signature of everything public."""
    found = {}
    spaces = {space: importlib.import_module(space) for space in NAMESPACES}
    public = {
        value
        for module in spaces.values()
        for name in module.__all__
        if isinstance(value := getattr(module, name), type)
    }
    for space, module in spaces.items():
        for name in sorted(module.__all__):
            value = getattr(module, name)
            where = f"{space}.{name}"
            if isinstance(value, type) and value.__module__.partition(".")[0] in ("autograd_np", "nn"):
                found[where] = shown(value)
                found |= {f"{where}.{word}": text for word, text in members(value, public).items()}
            else:
                ours = str(getattr(value, "__module__", "")).partition(".")[0] in (
                    "autograd_np",
                    "nn",
                )  # (NumPy's own names differ from version to version)
                found[where] = shown(value) if callable(value) and ours else "value"
    return found


def test_nothing_public_has_gone_or_changed() -> None:
    before = json.loads(FILE.read_text(encoding="utf-8"))
    now = snapshot()
    gone = [name for name in before if name not in now]
    assert not gone, f"no longer public: {gone}"
    changed = {name: (before[name], now[name]) for name in before if before[name] != now[name]}
    assert not changed, changed


def test_a_change_is_noticed() -> None:
    assert shown(lambda x, /, *, y=1: x) != shown(lambda x, /, *, y=2: x)


if __name__ == "__main__":
    FILE.write_text(json.dumps(snapshot(), indent=0, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
