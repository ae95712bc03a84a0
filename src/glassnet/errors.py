"""The exceptions of glassnet that a program may want to catch by name."""

from __future__ import annotations


class LossMismatchError(ValueError):
    """A loss and the last activation of the network do not belong together.

    Softmax or sigmoid outputs given to a loss that expects raw ones, raw outputs given to a loss
    that expects probabilities, softmax over one class. The message shows the wrong code beside
    the right code.
    """


class NonFiniteError(ArithmeticError):
    """Training met a value that is NaN or infinite.

    The message tells step, layer, op, the examples concerned and the usual cause. The weights are
    those before the step.
    """


class FileFormatError(ValueError):
    """A file is not what it should be, so nothing was made of it.

    Cut off, damaged, of another format, hostile, or written for another network. The message
    tells the file and the reason; whatever was in memory is as it was before.
    """
