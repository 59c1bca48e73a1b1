"""Pictures of data, models and training, drawn with matplotlib: ``pip install "autograd-np[plot]"``.

No function here shows a window or touches ``matplotlib.pyplot``: each draws on the axes it is given, or on a new figure that works without a
display, and returns what it drew on. :func:`save` writes it.

>>> import nn
>>> ax = nn.plot.curves({"loss": [2.3, 0.9, 0.4], "val_loss": [2.2, 1.0, 0.7]}).axes[0]
>>> ax.get_xlabel()
'epoch'
"""

from .canvas import PALETTE, save
from .distributions import activations, histograms
from .plane import dataset, decision_boundary
from .results import confusion_matrix, curves, images

__all__ = [
    "PALETTE",
    "activations",
    "confusion_matrix",
    "curves",
    "dataset",
    "decision_boundary",
    "histograms",
    "images",
    "save",
]
