"""Types for annotations. ``ArrayLike`` is whatever an operation takes for an array; ``docs/typing.md`` says what to write where."""

from typing import TypeAlias

from numpy.typing import ArrayLike as NumPyArrayLike

from .engine.tensor import Tensor

__all__ = ["ArrayLike"]

# (A bool is a number to NumPy, and an int to Python, but no complex to a type checker.)
ArrayLike: TypeAlias = Tensor | bool | NumPyArrayLike
