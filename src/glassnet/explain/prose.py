r"""What a derivation says in words: conventions, the general case, the rule behind an equation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from glassnet.explain.document import Formula, Paragraph
from glassnet.explain.equations import Equation
from glassnet.explain.latex import name_latex
from glassnet.explain.naming import Names
from glassnet.formulas import Applied, Term
from glassnet.graph.dtypes import is_float
from glassnet.graph.order import topological
from glassnet.graph.tensor import Tensor
from glassnet.notation import Notation
from glassnet.ops.elementwise import SUM_RULE

CONVENTIONS = {
    "keras": (
        "Examples are rows: $m$ of them make a batch, and a layer computes $Z = A W + b$. This is "
        "what runs. $\\mathrm{d}Q$ is short for $\\frac{\\partial J}{\\partial Q}$ and has the "
        "shape of $Q$."
    ),
    "course": (
        "Examples are columns: $m$ of them make a batch, and a layer computes $Z = W A + b$. For a "
        "weight, $\\mathrm{d}W$ is short for $\\frac{\\partial J}{\\partial W}$. For everything "
        "else, $\\mathrm{d}Q$ is $m \\frac{\\partial J}{\\partial Q}$: where a column is one "
        "example's, the derivative of its own loss. So the factor $\\frac{1}{m}$ of the mean "
        "appears where the examples are added up. Images keep the example as their first axis."
    ),
    "torch": (
        "Examples are rows: $m$ of them make a batch. A layer stores its weights with a row for "
        "each unit, so it computes $Z = A W^{\\top} + b$. Images and kernels of convolutions are "
        "written as they run, channels last. $\\mathrm{d}Q$ is short for "
        "$\\frac{\\partial J}{\\partial Q}$ and has the shape of $Q$."
    ),
}
SIGNS = (
    "Side by side, matrices are multiplied; $\\odot$ multiplies entry by entry, and so do "
    "fractions, powers and functions. A row or column meets a matrix in each of its rows or "
    "columns. $\\left[ a > b \\right]$ is 1 where it holds and 0 elsewhere."
)

_GENERAL = {
    "keras": (
        (r"Z^{[l]} = A^{[l-1]} W^{[l]} + b^{[l]} \quad A^{[l]} = g^{[l]}(Z^{[l]})",
         r"\mathrm{d}Z^{[l]} = \left(\mathrm{d}Z^{[l+1]} W^{[l+1]\top}\right) \odot "
         r"g^{[l]\prime}(Z^{[l]})",
         r"\mathrm{d}W^{[l]} = A^{[l-1]\top} \mathrm{d}Z^{[l]} \quad "
         r"\mathrm{d}b^{[l]} = \sum_{i=1}^{m} \mathrm{d}Z_{i:}^{[l]}"),
    ),
    "course": (
        (r"Z^{[l]} = W^{[l]} A^{[l-1]} + b^{[l]} \quad A^{[l]} = g^{[l]}(Z^{[l]})",
         r"\mathrm{d}Z^{[l]} = \left(W^{[l+1]\top} \mathrm{d}Z^{[l+1]}\right) \odot "
         r"g^{[l]\prime}(Z^{[l]})",
         r"\mathrm{d}W^{[l]} = \frac{1}{m} \mathrm{d}Z^{[l]} A^{[l-1]\top} \quad "
         r"\mathrm{d}b^{[l]} = \frac{1}{m} \sum_{i=1}^{m} \mathrm{d}Z_{:i}^{[l]}"),
    ),
    "torch": (
        (r"Z^{[l]} = A^{[l-1]} W^{[l]\top} + b^{[l]} \quad A^{[l]} = g^{[l]}(Z^{[l]})",
         r"\mathrm{d}Z^{[l]} = \left(\mathrm{d}Z^{[l+1]} W^{[l+1]}\right) \odot "
         r"g^{[l]\prime}(Z^{[l]})",
         r"\mathrm{d}W^{[l]} = \mathrm{d}Z^{[l]\top} A^{[l-1]} \quad "
         r"\mathrm{d}b^{[l]} = \sum_{i=1}^{m} \mathrm{d}Z_{i:}^{[l]}"),
    ),
}  # fmt: skip


def general_case(notation: Notation) -> Iterable[Paragraph | Formula]:
    """Yield backpropagation for any depth, layer and activation."""
    ((forward, back, weights),) = _GENERAL[notation.name]
    yield Paragraph(
        "A network is a chain of steps, each of which knows two things: its value, and how a "
        "derivative by its value becomes derivatives by its inputs. A layer $l$ of units with "
        "activation $g^{[l]}$ computes"
    )
    yield Formula(forward)
    yield Paragraph(
        "The cost depends on $Z^{[l]}$ only through $Z^{[l+1]}$. The chain rule therefore takes "
        "the derivative back one layer: through the weights, then through the activation, whose "
        "slope multiplies it entry by entry."
    )
    yield Formula(back)
    yield Paragraph(
        "Weights and bias are used for every example, so what the examples contribute is added up."
    )
    yield Formula(weights)
    yield Paragraph(
        "The last layer begins the recursion: its derivative comes from the loss. Any other step "
        "(a convolution, a pooling, a normalisation) takes the place of the weights with a rule of "
        "its own, and a value that is used several times receives the sum of what its uses send "
        "back. Below, the same is written out for this network."
    )


def rule_of(equation: Equation, names: Names, users: dict[int, list[tuple[Tensor, int]]]) -> str:
    """Return the sentence by which an equation follows."""
    if equation.phase == "backward" and equation.of is not None:
        return _backward_rule(equation, names, users)
    if equation.phase == "backward":
        return "A term that occurs several times, named once."
    if equation.drawn:
        return "Drawn anew at each step, the same for forward and backward pass."
    return ""


def _backward_rule(
    equation: Equation, names: Names, users: dict[int, list[tuple[Tensor, int]]]
) -> str:
    of = equation.of
    assert of is not None
    if of.symbol == "L":
        return "The cost brings the losses of the examples together; this is what each counts."
    uses = users.get(id(of), [])
    found: list[str] = []
    for node, place in uses:
        for sentence in _rules_along(node, place, names, users):
            if sentence not in found:
                found.append(sentence)
    if not found:
        return ""
    several = len({id(node) for node, _ in uses}) > 1
    target = name_latex(names.of[id(of)])
    opening = f"${target}$ is used in several places and receives the sum of what comes back. "
    return (opening if several else "") + ". ".join(found) + "."


def _rules_along(
    node: Tensor, place: int, names: Names, users: dict[int, list[tuple[Tensor, int]]]
) -> list[str]:
    """The rules from the next named quantities back to an input of ``node``, the latter last.

    Sums and rearrangements on the way go without saying where there is something else to say.
    """
    said: list[str] = []
    plain: list[str] = []
    met: set[tuple[int, int]] = set()
    stack = [(node, place)]
    while stack:
        node, place = stack.pop()
        if (id(node), place) in met:
            continue
        met.add((id(node), place))
        assert node.op is not None
        if place < len(node.op.rules):
            rule = node.op.rules[place]
            rules = plain if node.op.quiet or rule == SUM_RULE else said
            if rule not in rules:
                rules.insert(0, rule)
        if id(node) not in names.of:
            stack += reversed(users.get(id(node), []))
    return said or plain[-1:]


def users_of(cost: Tensor) -> dict[int, list[tuple[Tensor, int]]]:
    """Return, by the id of a node, which nodes send a derivative back to it, at which place."""
    found: dict[int, list[tuple[Tensor, int]]] = {}
    reached = {id(cost)}
    for node in reversed(topological([cost])):
        if id(node) not in reached or node.op is None or not node.op.differentiable:
            continue
        for place, source in enumerate(node.inputs):
            if is_float(source.dtype):
                reached.add(id(source))
                found.setdefault(id(source), []).insert(0, (node, place))
    return found


def lessons(cost: Tensor) -> list[tuple[str, str]]:
    """Return the steps behind derivatives that are no one-liner."""
    found: list[tuple[str, str]] = []
    for node in topological([cost]):
        for step in node.op.lesson if node.op is not None else ():
            if step not in found:
                found.append(step)
    return found


def functions_in(terms: Iterable[Term]) -> list[Any]:
    """Return the named functions that terms call, which have a meaning to be told, by name."""
    found = {
        part.function.name: part.function
        for term in terms
        for part in term.walk()
        if isinstance(part, Applied) and part.function.meaning
    }
    return [found[name] for name in sorted(found)]


def listing(names: Sequence[str]) -> str:
    """Return ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return ", ".join(names[:-1]) + " and " + names[-1]
