"""The standard's methods of an array, put on ``Tensor``."""

from __future__ import annotations

import importlib
import sys
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from ..engine.tensor import Tensor

__all__ = ["VERSION", "install"]

VERSION = "2024.12"
EARLIER = ("2021.12", "2022.12", "2023.12")


def array_namespace(self: Tensor, /, *, api_version: str | None = None) -> ModuleType:
    """The namespace whose functions take this Tensor: ``autograd_np``.

    Raises:
        ValueError: the version of the standard is not one of those that it implements.
    """
    if api_version is not None and api_version not in (*EARLIER, VERSION):
        raise ValueError(f"autograd_np implements the array API standard {VERSION}, not {api_version!r}")
    return _common_namespace(sys._getframe(1)) or sys.modules[__package__.partition(".")[0]]


def _common_namespace(frame: FrameType) -> ModuleType | None:
    """NumPy as ``array_api_compat.array_namespace`` has it, where that looks for one namespace of Tensors and NumPy's arrays.

    It would refuse two. NumPy's functions take both: they dispatch on the Tensors. (SciPy and others carry copies of the package.)
    """
    package, _, module = str(frame.f_globals.get("__name__", "")).partition(".common.")
    if (
        not module
        or frame.f_code.co_name != "array_namespace"
        or not any(isinstance(x, (np.ndarray, np.generic)) for x in frame.f_locals["xs"])
    ):
        return None
    return importlib.import_module(f"{package}.numpy")


def _device(self: Tensor) -> Any:
    return getattr(self._values, "device", "cpu")


def to_device(self: Tensor, device: Any, /, *, stream: Any = None) -> Tensor:
    """This Tensor, which is on that device already: NumPy's arrays live on ``"cpu"``.

    Raises:
        ValueError: there is no such device, or a stream is given.
    """
    if stream is not None:
        raise ValueError("to_device: stream= is not supported; NumPy's arrays have no streams")
    if device != self.device:
        raise ValueError(f"to_device: device {device!r} is not there; this Tensor is on {self.device!r}")
    return self


def dlpack(
    self: Tensor,
    /,
    *,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: Any = None,
    copy: bool | None = None,
) -> Any:
    """The array as a DLPack capsule, which another library makes its own array of, on the same memory.

    What is written there between forward and backward is noticed, as for ``t.data``.

    Raises:
        BufferError: the Tensor needs a gradient, which would be lost.
    """
    if self.requires_grad:
        raise BufferError(
            "a Tensor that needs a gradient does not turn into another library's array silently; hand over t.detach()"
        )
    options = {"stream": stream, "max_version": max_version, "dl_device": dl_device, "copy": copy}
    return self.data.__dlpack__(**{word: value for word, value in options.items() if value is not None})


def dlpack_device(self: Tensor, /) -> tuple[int, int]:
    """DLPack's numbers of the device: (1, 0) is the CPU."""
    # (NumPy's scalars, which hold some 0-d results, have no such method.)
    found: tuple[int, int] = getattr(self._values, "__dlpack_device__", lambda: (1, 0))()
    return found


def install() -> None:
    """Put the methods on the class."""
    methods: dict[str, Any] = {
        "__array_namespace__": array_namespace,
        "__dlpack__": dlpack,
        "__dlpack_device__": dlpack_device,
        "device": property(_device, doc="Where the array lives: ``'cpu'`` for NumPy's."),
        "to_device": to_device,
    }
    for word, method in methods.items():
        setattr(Tensor, word, method)
