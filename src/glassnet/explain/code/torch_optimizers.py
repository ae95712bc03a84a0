"""Optimizers and learning rates in PyTorch.

SGD, Adadelta and NAdam take the same steps. Adam, AdamW, RMSprop, Adagrad and Adamax differ in where
the small ε is added, which the program says. The others are not in ``torch.optim``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet import optimizers
from glassnet.explain.code.expressions import TORCH
from glassnet.explain.code.functions import traced
from glassnet.explain.code.literals import NotSayable, literal, short
from glassnet.graph.recording import as_tensor, recording
from glassnet.graph.tensor import Placeholder
from glassnet.graph.variable import Variable
from glassnet.schedules import LearningRateSchedule

_DECOUPLED = (optimizers.Adam, optimizers.AdamW)
"""Those whose weight decay PyTorch has in the same form, as AdamW."""


class Optimizing:
    """The optimizer of a program.

    Args:
        optimizer: glassnet's.

    Raises:
        NotSayable: where PyTorch has none like it.
    """

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer
        self.rate = optimizer._learning_rate
        self.remarks: list[str] = []
        for name in ("use_ema", "gradient_accumulation_steps", "loss_scale_factor"):
            if getattr(optimizer, name):
                raise NotSayable(
                    f"the optimizer has {name}={getattr(optimizer, name)!r}, which PyTorch's lack"
                )
        self.text = self._text()

    @property
    def scheduled(self) -> bool:
        """Whether the learning rate is a function of the step."""
        return not isinstance(self.rate, Variable)

    def _text(self) -> str:
        found = self.optimizer
        rate = "1.0" if self.scheduled else literal(short(self.rate.value))
        name, more = _words(found, self.remarks)
        decay = found.weight_decay
        if decay and isinstance(found, _DECOUPLED):
            name, more = "AdamW", [*more, f"weight_decay={literal(decay)}"]
        elif name == "AdamW":
            more = [*more, "weight_decay=0.0"]
        if self.scheduled and name == "SGD" and found.momentum:
            self.remarks.append("with a changing rate, the momentum keeps gradients, not steps")
        return f"torch.optim.{name}({', '.join(['model.parameters()', f'lr={rate}', *more])})"

    def lines(self) -> list[str]:
        """Return the lines that make the optimizer, with its schedule."""
        remarks = [f"# In PyTorch {remark}." for remark in self.remarks]
        made = [*remarks, f"optimizer = {self.text}"]
        if not self.scheduled:
            return made
        return [
            *self._schedule(),
            "",
            "",
            *made,
            "schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, learning_rate)",
        ]

    def _schedule(self) -> list[str]:
        if not isinstance(self.rate, LearningRateSchedule):
            raise NotSayable("the learning rate is a function of yours")
        step = Placeholder((), np.float64, name="step")
        with recording():
            rate = as_tensor(self.rate(step))
        return [
            *traced("rate_at", [step], ["step"], rate, TORCH),
            "",
            "",
            "def learning_rate(step):",
            "    return rate_at(torch.tensor(float(step), dtype=torch.float64)).item()",
        ]

    def step_lines(self) -> list[str]:
        """Return the lines between the gradients and the next step."""
        o, lines = self.optimizer, []
        if o.clipvalue:
            lines.append(f"    nn.utils.clip_grad_value_(model.parameters(), {literal(o.clipvalue)})")
        if o.global_clipnorm:
            most = literal(o.global_clipnorm)
            lines.append(f"    nn.utils.clip_grad_norm_(model.parameters(), {most})")
        if o.clipnorm:
            lines.append("    for p in model.parameters():")
            lines.append(f"        nn.utils.clip_grad_norm_([p], {literal(o.clipnorm)})")
        if o.weight_decay and not isinstance(o, _DECOUPLED):
            lines += [
                "    with torch.no_grad():  # the weight decay",
                "        for p in model.parameters():",
                "            if p.requires_grad:",
                '                p -= optimizer.param_groups[0]["lr"] '
                f"* {literal(o.weight_decay)} * p",
            ]
        lines.append("    optimizer.step()")
        return [*lines, "    schedule.step()"] if self.scheduled else lines


def _words(o: Any, remarks: list[str]) -> tuple[str, list[str]]:
    """The name of an optimizer in ``torch.optim``, and its arguments."""
    if type(o) is optimizers.SGD:
        more = [f"momentum={literal(o.momentum)}"] if o.momentum else []
        return "SGD", [*more, *(["nesterov=True"] if o.momentum and o.nesterov else [])]
    if type(o) in (optimizers.Adam, optimizers.AdamW):
        more = [*_betas(o), f"eps={literal(o.epsilon)}"]
        remarks.append("eps is added to the root of the corrected average, here of the plain one")
        kind = "AdamW" if type(o) is optimizers.AdamW else "Adam"
        return kind, [*more, *(["amsgrad=True"] if o.amsgrad else [])]
    if type(o) is optimizers.Adadelta:
        return "Adadelta", [f"rho={literal(o.rho)}", f"eps={literal(o.epsilon)}"]
    if type(o) is optimizers.Nadam:
        return "NAdam", [*_betas(o), f"eps={literal(o.epsilon)}", "momentum_decay=1.0"]
    after = "eps is added behind the root, here below it"
    if type(o) is optimizers.RMSprop:
        remarks.append(after)
        more = [f"alpha={literal(o.rho)}", f"eps={literal(o.epsilon)}"]
        more += [f"momentum={literal(o.momentum)}"] if o.momentum else []
        return "RMSprop", [*more, *(["centered=True"] if o.centered else [])]
    if type(o) is optimizers.Adagrad:
        remarks.append(after)
        start = f"initial_accumulator_value={literal(o.initial_accumulator_value)}"
        return "Adagrad", [start, f"eps={literal(o.epsilon)}"]
    if type(o) is optimizers.Adamax:
        remarks.append("eps is added to the gradient's size, here to the largest of them")
        return "Adamax", [*_betas(o), f"eps={literal(o.epsilon)}"]
    raise NotSayable(f"torch.optim has no {type(o).__name__}")


def _betas(o: Any) -> list[str]:
    if (o.beta_1, o.beta_2) == (0.9, 0.999):
        return []
    return [f"betas=({literal(o.beta_1)}, {literal(o.beta_2)})"]
