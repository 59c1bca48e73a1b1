"""Dropout layers: nothing in ``eval()``, noise in ``train()``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import autograd_np as ag
from autograd_np import Tensor

from ..defaults import generator_of
from ..module import Module
from .checks import real

if TYPE_CHECKING:
    from autograd_np.typing import ArrayLike

__all__ = ["Dropout", "Dropout1d", "Dropout2d"]


class Dropout(Module):
    """In training, each element is 0 with probability ``p`` and the others are multiplied by 1 / (1 − p): Srivastava et al. 2014.

    Args:
        p: the probability, in [0, 1].
        inplace: refused; the tape keeps what it would overwrite.
        rng: where the random numbers come from: a generator, a seed, or None for the default generator (``nn.manual_seed``).

    >>> import numpy as np
    >>> layer = Dropout(0.5, rng=0)
    >>> layer(np.ones(8)).tolist()
    [2.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    >>> layer.eval()(np.ones(3)).tolist()
    [1.0, 1.0, 1.0]
    """

    def __init__(self, p: float = 0.5, inplace: bool = False, *, rng: np.random.Generator | int | None = None) -> None:
        super().__init__()
        real(type(self).__name__, "p", p, most=1)
        if inplace:
            raise TypeError(f"{type(self).__name__}: inplace=True would overwrite what the tape keeps; leave it out")
        self.p = p
        self.rng = (
            None if rng is None else generator_of(rng)
        )  # a copy of the layer shall go on drawing from the default one

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape, which stays."""
        return ag.dropout(x, self.p, self.training, generator_of(self.rng))

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"


class _Channels(Dropout):
    """Whole channels stay or drop together."""

    axes = 0  # after the channels

    def forward(self, x: ArrayLike) -> Tensor:
        """With a batch axis, or without.

        Raises:
            ValueError: x has another number of axes.
        """
        ndim = np.ndim(x) if not isinstance(x, Tensor) else x.ndim
        if ndim not in (self.axes + 1, self.axes + 2):
            names = ", ".join(("C", "H", "W") if self.axes == 2 else ("C", "L"))
            raise ValueError(f"{self}: x must have shape (N, {names}) or ({names}), not {np.shape(x)}")
        return ag.dropout(x, self.p, self.training, generator_of(self.rng), shared_axes=tuple(range(-self.axes, 0)))


class Dropout1d(_Channels):
    """As :class:`Dropout`, of whole channels of sequences (N, C, L) or (C, L): Tompson et al. 2015."""

    axes = 1


class Dropout2d(_Channels):
    """As :class:`Dropout`, of whole channels of images (N, C, H, W) or (C, H, W): Tompson et al. 2015."""

    axes = 2
