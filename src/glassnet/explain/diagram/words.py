"""A plan in words, for those who do not see it, and for the tips of blocks."""

from __future__ import annotations

from glassnet.explain.diagram.plan import Plan


def said(plan: Plan, number: int) -> str:
    """Return all that a block says, in words."""
    block = plan.blocks[number]
    name = "operation" if block.kind == "op" else block.title
    parts = [f"{block.name} ({name})"]
    if block.does:
        parts.append(block.does)
    if block.shape:
        parts.append(f"output {block.shape}")
    if block.parameters:
        parts.append(block.parameters)
    if block.calls > 1:
        parts.append(f"call {block.call} of {block.calls}")
    outputs = [i for i, (source, _) in enumerate(plan.exits, 1) if source == number]
    if outputs and len(plan.exits) > 1:
        parts.append("output " + ", ".join(map(str, outputs)) + " of the model")
    return "; ".join(parts)


def told(plan: Plan) -> str:
    """Return the network in sentences, for those who do not see it."""
    count = len(plan.blocks)
    sentences = [
        f"{plan.title} {plan.name}, {plan.parameters}, {count} block{'' if count == 1 else 's'}."
    ]
    if plan.note:
        sentences.append(plan.note)
    for number, block in enumerate(plan.blocks):
        sources = [plan.blocks[w.source] for w in plan.wires if w.target == number]
        names = [b.name if b.calls == 1 else f"{b.name}, call {b.call}" for b in sources]
        after = f", from {' and '.join(names)}" if names else ""
        sentences.append(f"{number + 1}. {said(plan, number)}{after}.")
        if block.inside is not None:
            sentences.append(f"In {block.name}: {told(block.inside)}")
    return " ".join(sentences)
