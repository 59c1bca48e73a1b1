"""Neural networks on ``autograd_np``: the package of layers, losses, optimizers and training.

It stands on the public names of ``autograd_np`` alone, and has no names of its own yet: a network of bare
tensor operations is in ``examples/spiral.py``.
"""

from autograd_np import __version__

__all__ = ["__version__"]
