"""The words of the grammar: which command is which sign.

Source: The Unicode Standard, code charts "Mathematical Operators", "Greek and Coptic",
"Superscripts and Subscripts", "Phonetic Extensions"; AMS, "Short Math Guide for LaTeX".
"""

from __future__ import annotations

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε",
    "zeta": "ζ", "eta": "η", "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ",
    "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ",
    "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π",
    "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip
SIGNS = {
    "infty": "∞", "top": "⊤", "dots": "…", "ldots": "…", "cdots": "⋯", "ell": "ℓ",
    "emptyset": "∅", "nabla": "∇", "partial": "∂", "forall": "∀", "prime": "′",
}  # fmt: skip
"""Signs that stand for themselves, upright."""

RELATIONS = {
    "=": "=", "<": "<", ">": ">", "lt": "<", "gt": ">", "le": "≤", "leq": "≤", "ge": "≥",
    "geq": "≥", "ne": "≠", "neq": "≠", "leftarrow": "←", "gets": "←", "sim": "∼", "in": "∈",
    "notin": "∉", "approx": "≈", "to": "→", "rightarrow": "→", "mapsto": "↦", "equiv": "≡",
    "ll": "≪", "gg": "≫", "mid": "∣",
}  # fmt: skip
SUMS = {"+": "+", "-": "−", "pm": "±"}
PRODUCTS = {
    "cdot": "·", "odot": "⊙", "times": "×", "star": "⋆", "ast": "∗", "otimes": "⊗", "circ": "∘",
    "oslash": "⊘", "/": "/",
}  # fmt: skip
PUNCTUATION = {",": ",", ":": ":", ";": ";", ".": ".", "!": "!"}
LARGE = {"sum": "Σ", "prod": "Π"}
FUNCTIONS = (
    "exp", "log", "ln", "tanh", "cosh", "sinh", "sin", "cos", "tan", "arctan", "det",
    "max", "min", "sup", "inf", "lim", "arg",
)  # fmt: skip
LIMITS = {"max", "min", "sup", "inf", "lim", "argmax", "argmin"}
"""The functions whose index stands below them in a display."""

SPACES = {"quad": 1.0, "qquad": 2.0, ",": 1 / 6, ":": 2 / 9, ";": 5 / 18, " ": 0.25, "!": -1 / 6}
ACCENTS = {"hat": "\u0302", "tilde": "\u0303", "bar": "\u0304", "dot": "\u0307"}
"""The combining character of each accent."""

CALLIGRAPHIC = {
    "B": "ℬ", "E": "ℰ", "F": "ℱ", "H": "ℋ", "I": "ℐ", "L": "ℒ", "M": "ℳ", "R": "ℛ",
}  # fmt: skip
BLACKBOARD = {"C": "ℂ", "H": "ℍ", "N": "ℕ", "P": "ℙ", "Q": "ℚ", "R": "ℝ", "Z": "ℤ"}


def calligraphic(letter: str) -> str:
    """Return the script capital; a few of them stand outside the others' block in Unicode."""
    return CALLIGRAPHIC.get(letter) or chr(0x1D49C + ord(letter) - ord("A"))


def blackboard(letter: str) -> str:
    """Return the double-struck capital.

    >>> blackboard("R") + blackboard("E")
    'ℝ𝔼'
    """
    return BLACKBOARD.get(letter) or chr(0x1D538 + ord(letter) - ord("A"))


OPENING = {"(": "(", "[": "[", r"\{": "{", r"\lbrace": "{", r"\lfloor": "⌊", r"\lceil": "⌈"}
CLOSING = {")": ")", "]": "]", r"\}": "}", r"\rbrace": "}", r"\rfloor": "⌋", r"\rceil": "⌉"}
BARS = {"|": "|", r"\|": "‖", r"\vert": "|", r"\Vert": "‖", r"\lvert": "|", r"\rvert": "|",
        r"\lVert": "‖", r"\rVert": "‖"}  # fmt: skip
BRACKET_LATEX = {"{": r"\{", "}": r"\}", "‖": r"\|", "⌊": r"\lfloor", "⌋": r"\rfloor",
                 "⌈": r"\lceil", "⌉": r"\rceil"}  # fmt: skip
"""How a bracket is written in LaTeX where that is not the bracket itself."""

RAISED = dict(
    zip("0123456789+−=()abcdefghijklmnoprstuvwxyzAβTγθφ⊤′",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᵝᵀᵞᶿᵠᵀ′", strict=True)
)  # fmt: skip
LOWERED = dict(
    zip("0123456789+−=()aehijklmnoprstuvxβγρφ",
        "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩ", strict=True)
)  # fmt: skip
