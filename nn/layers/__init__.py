"""The layers, one file per family; each says in its ``__all__`` which of its classes are public."""

from typing import TYPE_CHECKING

from .activations import *
from .attention import *
from .convolution import *
from .dropout import *
from .embedding import *
from .linear import *
from .normalization import *
from .padding import *
from .pooling import *
from .recurrent import *
from .recurrent_cells import *
from .resizing import *
from .transformer import *

if not TYPE_CHECKING:  # a type checker takes the names from the files
    __all__ = [name for name, value in globals().items() if isinstance(value, type)]
