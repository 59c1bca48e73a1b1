"""A table of vectors, looked up by number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

import autograd_np as ag
from autograd_np import Tensor

from .. import init as initialisers
from ..defaults import default_dtype
from ..module import Module, Parameter
from .checks import named, whole

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from autograd_np.typing import ArrayLike

__all__ = ["Embedding"]


class Embedding(Module):
    """The rows of a learnt table, chosen by number.

    Args:
        num_embeddings: rows of the table.
        embedding_dim: their length.
        padding_idx: this row starts as zeros and gets no gradient.
        dtype: of the table; float32 unless ``nn.set_default_dtype`` says otherwise.
        rng: of the first values: a generator, a seed, or None for the default generator.
        weight_init: a name of ``nn.init``, a number, an array or a function; None is PyTorch's N(0, 1).

    PyTorch's ``max_norm``, ``norm_type``, ``scale_grad_by_freq`` and ``sparse`` are not offered.

    Parameters:
        weight: (num_embeddings, embedding_dim).

    >>> Embedding(10, 3, rng=0)([[1, 2], [9, 0]]).shape
    (2, 2, 3)
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        dtype: DTypeLike | None = None,
        rng: Any = None,
        weight_init: Any = None,
    ) -> None:
        super().__init__()
        num_embeddings = whole("Embedding", "num_embeddings", num_embeddings)
        embedding_dim = whole("Embedding", "embedding_dim", embedding_dim)
        if padding_idx is not None:
            padding_idx = whole("Embedding", "padding_idx", padding_idx, -num_embeddings)
            if padding_idx >= num_embeddings:
                raise ValueError(
                    f"Embedding: padding_idx {padding_idx} is not a row of a table of {num_embeddings} rows"
                )
            padding_idx %= num_embeddings
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        dtype = default_dtype() if dtype is None else dtype
        values = initialisers.fresh(
            (num_embeddings, embedding_dim), "normal" if weight_init is None else weight_init, dtype=dtype, rng=rng
        )
        if padding_idx is not None:
            values[padding_idx] = 0
        self.weight = Parameter(values)

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None) -> Self:
        """A layer on the rows of ``embeddings``, which are copied.

        Args:
            embeddings: shape (rows, dimension), with its dtype.
            freeze: they need no gradient.
            padding_idx: this row gets no gradient; its values are left as they are.

        Raises:
            ValueError: ``embeddings`` has not two axes.
        """
        values = (
            embeddings.numpy()
            if isinstance(embeddings, Tensor)
            else np.asarray(embeddings, None if hasattr(embeddings, "dtype") else default_dtype())
        )
        if values.ndim != 2:
            raise ValueError(f"Embedding.from_pretrained: the table has two axes, not shape {values.shape}")
        rows, dimension = values.shape
        layer = cls(rows, dimension, padding_idx, dtype=values.dtype, weight_init=0.0)
        layer.weight = Parameter(values, requires_grad=not freeze)
        return layer

    def forward(self, indices: ArrayLike) -> Tensor:
        """Integers of any shape to that shape and ``embedding_dim``.

        Raises:
            IndexError: a number is not one of a row.
            TypeError: the numbers are not integers.
        """
        try:
            return ag.embedding(indices, self.weight, self.padding_idx)
        except (IndexError, TypeError, ValueError) as error:
            shape = getattr(indices, "shape", ())
            shape = getattr(indices, "shape", ())
            remedy = (
                f"give an array of integers, such as np.zeros({shape}, int); nn.summary takes one in place of the shape"
            )
            raise named(self, error, remedy if isinstance(error, TypeError) else "") from None

    def extra_repr(self) -> str:
        """The options."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
