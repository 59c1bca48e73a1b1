# What a type checker sees of the functions that grad and its siblings make. The function itself gets Tensors, whatever its caller passes; the
# result is of the caller's kind: a Tensor for a Tensor, an array for an array, a number of NumPy's for a number, a tree for a tree.

from typing import Any, ParamSpec, Protocol, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from ..engine.tensor import Tensor
from ..typing import ArrayLike

_D = TypeVar("_D", bound=np.inexact[Any])
_P = ParamSpec("_P")
_R_co = TypeVar("_R_co", covariant=True)
_T_contra = TypeVar("_T_contra", contravariant=True)

class OfArray(Protocol[_P]):
    @overload
    def __call__(self, x: Tensor, /, *args: _P.args, **kwargs: _P.kwargs) -> Tensor: ...
    @overload
    def __call__(self, x: NDArray[_D], /, *args: _P.args, **kwargs: _P.kwargs) -> NDArray[_D]: ...
    @overload
    def __call__(self, x: _D, /, *args: _P.args, **kwargs: _P.kwargs) -> _D: ...
    @overload
    def __call__(self, x: float, /, *args: _P.args, **kwargs: _P.kwargs) -> np.float64: ...
    @overload
    def __call__(self, x: ArrayLike, /, *args: _P.args, **kwargs: _P.kwargs) -> Any: ...

class OfArrayWithAux(Protocol[_P, _R_co]):
    @overload
    def __call__(self, x: Tensor, /, *args: _P.args, **kwargs: _P.kwargs) -> tuple[Tensor, _R_co]: ...
    @overload
    def __call__(self, x: NDArray[_D], /, *args: _P.args, **kwargs: _P.kwargs) -> tuple[NDArray[_D], Any]: ...
    @overload
    def __call__(self, x: ArrayLike, /, *args: _P.args, **kwargs: _P.kwargs) -> tuple[Any, Any]: ...

class ValueAndOfArray(Protocol[_P, _R_co]):
    @overload
    def __call__(self, x: Tensor, /, *args: _P.args, **kwargs: _P.kwargs) -> tuple[_R_co, Tensor]: ...
    @overload
    def __call__(self, x: NDArray[_D], /, *args: _P.args, **kwargs: _P.kwargs) -> tuple[Any, NDArray[_D]]: ...
    @overload
    def __call__(self, x: ArrayLike, /, *args: _P.args, **kwargs: _P.kwargs) -> tuple[Any, Any]: ...

class OfTree(Protocol[_T_contra, _P, _R_co]):
    def __call__(self, x: _T_contra, /, *args: _P.args, **kwargs: _P.kwargs) -> _R_co: ...

class Mapped(Protocol[_P]):
    @overload
    def __call__(self, x: Tensor, /, *args: _P.args, **kwargs: _P.kwargs) -> Tensor: ...
    @overload
    def __call__(self, x: ArrayLike, /, *args: _P.args, **kwargs: _P.kwargs) -> Any: ...
