"""The losses: as functions (:mod:`.functions`, :mod:`.margins`) and as modules with PyTorch's names."""

from .modules import *
from .modules import __all__ as __all__
