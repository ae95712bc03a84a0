"""The progress of training, told as it goes."""

from __future__ import annotations

from glassnet.callbacks.base import CALLBACKS, Callback


@CALLBACKS.add()
class ProgbarLogger(Callback):
    """Tells the progress of training."""
