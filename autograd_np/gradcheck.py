"""``python -m autograd_np.gradcheck [NAME …]``: prove the registered primitives on this machine (see proofs/command.py)."""

import sys

from .proofs.command import main
from .proofs.gradcheck import gradcheck

if __name__ == "__main__":
    sys.exit(main())
# Importing this file must not hide the function of its name.
sys.modules[__name__] = gradcheck  # type: ignore[assignment]
