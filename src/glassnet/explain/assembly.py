"""The derivation as a document: what stands where, and in which words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

from glassnet.explain.code.literals import construction
from glassnet.explain.document import (
    Block,
    Document,
    Formula,
    Heading,
    Paragraph,
    Table,
    as_code,
    literally,
)
from glassnet.explain.latex import name_latex, space_latex
from glassnet.explain.notation import notation_table
from glassnet.explain.prose import (
    CONVENTIONS,
    SIGNS,
    functions_in,
    general_case,
    lessons,
    listing,
)
from glassnet.formulas import Name, Quantity, Term
from glassnet.graph.variable import Variable
from glassnet.models.curved import needs_objective

if TYPE_CHECKING:
    from glassnet.explain.derivation import Derivation, Step


def assembled(derivation: Derivation) -> Document:
    """Return the document of a derivation."""
    blocks: list[Block] = []
    blocks += _opening(derivation)
    blocks += [Heading("The general case"), *general_case(derivation.notation)]
    blocks += _forward(derivation)
    blocks += _cost(derivation)
    blocks += _backward(derivation)
    blocks += _update(derivation)
    if derivation.level == "scalar":
        from glassnet.explain.scalars import scalar_blocks

        blocks += scalar_blocks(derivation)
    blocks += [Heading("The three notations"), notation_table(derivation.model)]
    return Document(f"Backpropagation through {literally(derivation.model.name)}", tuple(blocks))


# --- what it is about -------------------------------------------------------------------------
def _opening(derivation: Derivation) -> Iterator[Block]:
    model = derivation.model
    loss = listing([described(v) for v in _losses(model)])
    yield Paragraph(
        f"One training step of {as_code(model.name)}, with the loss {loss} and the optimizer "
        f"{described(model.optimizer)}: how the cost $J$ comes about, its derivative by every "
        "weight, and the new weights. The equations are read from the computation that runs."
    )
    yield _leaves_table(derivation)
    yield Heading("How to read it")
    yield Paragraph(CONVENTIONS[derivation.notation.name])
    yield Paragraph(SIGNS)
    if derivation.writer.distributions:
        targets = listing([f"${name_latex(n)}$" for n in derivation.writer.distributions])
        yield Paragraph(
            f"The targets {targets} of each example are taken to sum to 1, as those of a class do."
        )
    functions = functions_in(s.equation.term for s in derivation.steps)
    if functions:
        rows = tuple(dict.fromkeys((f"${f.latex}$", f.meaning) for f in functions))
        yield Table(("function", "meaning"), rows)


def _losses(model: Any) -> list[Any]:
    from glassnet.nest import flatten

    return [v for v in flatten(model.compiled_loss.given) if v is not None]


def described(value: Any) -> str:
    """Return a brick as one would write it, as code: ``Dense(25, "sigmoid")``."""
    if isinstance(value, str):
        return as_code(value)
    config = getattr(value, "get_config", None)
    if config is None:
        return as_code(getattr(value, "__name__", type(value).__name__))
    try:
        cls = type(value)
        told = construction(cls.__name__, cls, {**config(), "name": None})
        return as_code(told.replace("keras.", ""))
    except (ValueError, TypeError, KeyError, NotImplementedError):
        return f"`{type(value).__name__}`"


def _leaves_table(derivation: Derivation) -> Table:
    """What is given: inputs, targets, and each layer with its weights."""
    rows: list[tuple[str, ...]] = []
    spaces = {}
    for step in derivation.steps:
        for part in (step.equation.quantity, *step.equation.term.walk()):
            if isinstance(part, Quantity):
                spaces[str(part.name)] = part
    for leaf in (*derivation.recorded.inputs, *derivation.recorded.targets):
        found = spaces.get(str(derivation.names.of[id(leaf)]))
        if found is not None:
            inputs = derivation.recorded.inputs
            is_input = any(leaf is i for i in inputs)
            named = f" {as_code(leaf.name)}" if is_input and len(inputs) > 1 and leaf.name else ""
            rows.append((f"input{named}" if is_input else "target", _member(found)))
    for number, layer in derivation.names.layers.items():
        weights = [spaces.get(str(derivation.names.of[id(w)])) for w in layer._weights]
        told = ", ".join(_member(w) for w in weights if w is not None)
        rows.append((f"layer {number}: {described(layer)}", told))
    return Table(("given", "symbols"), tuple(rows))


def _member(quantity: Quantity) -> str:
    return rf"${name_latex(quantity.name)} \in {space_latex(quantity.shape)}$"


# --- the passes -------------------------------------------------------------------------------
def formula_of(derivation: Derivation, step: Step) -> Formula:
    """Return the block of one equation, with its numbers where there are any."""
    shown: tuple[str, ...] = ()
    check = ""
    if derivation.with_numbers:
        from glassnet.explain import numbers

        shown, check = numbers.shown(derivation, step)
    return Formula(step.latex, step.space, step.name, step.rule, shown, check)


def _forward(derivation: Derivation) -> Iterator[Block]:
    yield Heading("Forward pass")
    steps = [s for s in derivation.steps if s.phase == "forward"]
    owners = derivation.names.owners
    for call, group in groupby(steps, key=lambda s: owners.get(id(s.inside.node))):
        if call is not None:
            number = derivation.names.numbers[id(call.outputs[0])] if call.outputs else (0, 0)
            title = f"Layer {number[0]}: " if call.layer._weights else ""
            again = f", call {number[1]}" if number[1] > 1 else ""
            yield Heading(f"{title}{literally(described(call.layer).strip('`'))}{again}", 2)
            yield from _summary(call.layer)
        else:
            yield Heading("Between the layers", 2)
        yield from (formula_of(derivation, s) for s in group)


def _cost(derivation: Derivation) -> Iterator[Block]:
    yield Heading("Loss and cost")
    steps = [s for s in derivation.steps if s.phase == "cost"]
    losses = [f"${name_latex(s.inside.name)}$" for s in steps if s.inside.name.letter == "L"]
    what = f"{listing(losses)} are the losses" if len(losses) > 1 else "$\\mathcal{L}$ is the loss"
    yield Paragraph(
        f"{what} of each example; the cost $J$, one number, is what training makes small."
    )
    yield from (formula_of(derivation, s) for s in steps)


def _backward(derivation: Derivation) -> Iterator[Block]:
    yield Heading("Backward pass")
    yield Paragraph(
        "From the cost back to the input. Each line uses only what stands above it, so no "
        "derivative is computed twice."
    )
    if derivation.with_numbers:
        from glassnet.explain.numbers import agreement

        yield Paragraph(agreement(derivation))
    steps_behind = lessons(derivation.recorded.cost)
    if steps_behind:
        yield Heading("The derivative of the loss, step by step", 2)
        for sentence, latex in steps_behind:
            yield Formula(latex, rule=sentence + ":")
    steps = [s for s in derivation.steps if s.phase == "backward"]
    for layer, group in groupby(steps, key=lambda s: s.layer):
        yield Heading("The loss" if layer is None else f"Layer {layer}", 2)
        yield from (formula_of(derivation, s) for s in group)


# --- the update -------------------------------------------------------------------------------
def _update(derivation: Derivation) -> Iterator[Block]:
    steps = [s for s in derivation.steps if s.phase == "update"]
    if needs_objective(derivation.model.optimizer):
        yield from _curved_update(derivation, steps)
        return
    if not steps:
        return
    yield Heading("Update")
    yield from _summary(derivation.model.optimizer)
    told_states = _state_sentence(derivation)
    if told_states:
        yield Paragraph(told_states)
    lines, shared = _by_weight(derivation, steps)
    weights = {id(v): v for v in derivation.recorded.variables}
    groups: dict[tuple[tuple[str, str], ...], list[Variable]] = {}
    for key, own in lines.items():
        general = tuple(_general(derivation, own, weights[key]))
        groups.setdefault(general, []).append(weights[key])
    yield from (formula_of(derivation, s) for s in shared if s.inside.target is None)
    for general, owners in groups.items():
        if len(owners) == 1:
            yield from (formula_of(derivation, s) for s in lines[id(owners[0])])
            continue
        names = listing([f"${name_latex(derivation.names.of[id(w)])}$" for w in owners])
        yield Paragraph(f"For each weight $\\theta$ of {names}:")
        yield from (Formula(latex, space) for latex, space in general)
    yield from (formula_of(derivation, s) for s in shared if s.inside.target is not None)


def _curved_update(derivation: Derivation, steps: list[Step]) -> Iterator[Block]:
    """What an optimizer does that asks for the loss itself; and the updates of layers."""
    optimizer = derivation.model.optimizer
    yield Heading("Update")
    yield from _summary(optimizer)
    yield Paragraph(
        f"{type(optimizer).__name__} looks at the curvature of $J$, or at $J$ in several places, "
        "before it moves, so its step is an algorithm and no equation; the derivatives above are "
        "where it begins."
    )
    yield from (formula_of(derivation, s) for s in steps)


def _by_weight(
    derivation: Derivation, steps: list[Step]
) -> tuple[dict[int, list[Step]], list[Step]]:
    """The equations that serve one weight, by its id, and those that serve several."""
    weights = {id(v) for v in derivation.recorded.variables}
    owner: dict[int, int | None] = {}
    for step in steps:
        own = _owner(derivation, step)
        owner[id(step)] = id(own) if own is not None and id(own) in weights else None
    by_name = {s.name: s for s in steps if s.inside.target is None}
    users: dict[str, set[int | None]] = {}
    for step in reversed(steps):
        mentioned = {str(p.name) for p in step.equation.term.walk() if isinstance(p, Quantity)}
        serves = (
            {owner[id(step)]} if step.inside.target is not None else users.get(step.name, set())
        )
        for name in mentioned & set(by_name):
            users.setdefault(name, set()).update(serves)
    lines: dict[int, list[Step]] = {}
    shared: list[Step] = []
    for step in steps:
        key = owner[id(step)]
        if step.inside.target is None:
            serves = users.get(step.name, set())
            key = next(iter(serves)) if len(serves) == 1 else None
        (shared if key is None else lines.setdefault(key, [])).append(step)
    return lines, shared


def _state_sentence(derivation: Derivation) -> str:
    """What the letters of the update stand for."""
    names = derivation.names
    states = {
        names.of[id(v)].letter: state
        for v in derivation.recorded.updates
        for weight, state in [derivation.recorded.states.get(id(v), (None, ""))]
        if weight is not None
    }
    told = [
        f"${name_latex(Name(letter, of=Name('theta')))}$ is its {state.replace('_', ' ')}"
        for letter, state in states.items()
    ]
    kept = "; for a weight $\\theta$ the optimizer keeps a state: " + listing(told) if told else ""
    return f"$\\eta$ is the learning rate and $t$ counts the steps made so far{kept}."


def _summary(brick: Any) -> Iterator[Paragraph]:
    """The first sentence of a brick's documentation."""
    text = " ".join((type(brick).__doc__ or "").strip().split("\n\n")[0].split())
    sentence = text.split("``: ")[-1].split(". ")[0].rstrip(".")
    sentence = sentence.replace("``", "`")
    if sentence and "$" not in sentence:
        yield Paragraph(f"{sentence[0].upper()}{sentence[1:]}.")


def _owner(derivation: Derivation, step: Step) -> Variable | None:
    """The weight whose update an equation belongs to."""
    target, of = step.inside.target, step.inside.name.of
    if target is not None:
        return derivation.recorded.states.get(id(target), (target, ""))[0]
    names = derivation.names.of
    return next((v for v in derivation.recorded.variables if of and names[id(v)] == of), None)


def _general(
    derivation: Derivation, steps: list[Step], weight: Variable
) -> Iterator[tuple[str, str]]:
    """The equations with θ in place of the weight, and what is computed for it named after it.

    Each comes with the space of its left side where that tells more than the right side does.
    """
    own = derivation.names.of[id(weight)]
    theta = Name("theta")
    between = [s.inside.name for s in steps if s.inside.target is None]

    def new(name: Name) -> Name:
        if name in between:
            alike = [n for n in between if n.letter == name.letter]
            place = alike.index(name) + 1 if len(alike) > 1 else 0
            return Name(name.letter, of=theta, index=place)
        return _renamed(name, own, theta)

    def renamed(term: Term) -> Term:
        if isinstance(term, Quantity):
            return Quantity(new(term.name), term.shape)
        return term.rebuilt(tuple(map(renamed, term.parts)))

    for step in steps:
        relation = "=" if step.inside.target is None else r"\leftarrow"
        left = name_latex(new(step.equation.name))
        latex = rf"{left} {relation} {derivation.printer.print(renamed(step.equation.term))}"
        settled = step.equation.term.shape == step.equation.quantity.shape
        yield latex, "" if settled else step.space


def _renamed(name: Name, own: Name, theta: Name) -> Name:
    if name == own:
        return theta
    if name == own.d:
        return theta.d
    if name.of == own:
        return Name(name.letter, of=theta, index=name.index)
    return name
