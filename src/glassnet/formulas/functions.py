"""Named functions of formulas: how each is written in mathematics and in NumPy."""

from __future__ import annotations

from dataclasses import dataclass

FUNCTIONS: dict[str, Function] = {}
"""Every function by its name."""


@dataclass(frozen=True)
class Function:
    """A function that formulas call by name.

    Args:
        name: its name, a Python identifier; in LaTeX ``\\operatorname{name}`` unless told.
        latex: how it is written in LaTeX.
        numpy: what an emitted program calls: ``"np.exp"``, or ``source``'s function.
        source: the definition that an emitted program needs, in NumPy alone; parameters of the
            formula arrive as keyword arguments.
        needs: other functions that ``source`` calls.
        entrywise: whether entry i of the value depends on entry i of the arguments alone.
        axes: the names of parameters that are axes, for whoever transposes the arguments.
        meaning: a sentence for the list of symbols.
        drawn: whether it draws at random: the page shows the distribution without arguments.

    The page leaves out parameters whose name begins with an underscore; the program passes them
    without it.
    """

    name: str
    latex: str = ""
    numpy: str = ""
    source: str = ""
    needs: tuple[str, ...] = ()
    entrywise: bool = False
    axes: tuple[str, ...] = ()
    meaning: str = ""
    drawn: bool = False

    def __post_init__(self) -> None:
        if not self.latex:
            object.__setattr__(self, "latex", rf"\operatorname{{{self.name}}}")
        if not self.numpy:
            object.__setattr__(self, "numpy", self.name)
        known = FUNCTIONS.setdefault(self.name, self)
        if known != self:
            raise ValueError(f"There is another function called {self.name!r} in formulas.")
