"""Optimizers and learning rates in PyTorch.

SGD, Adadelta and NAdam take the same steps. Adam, AdamW, RMSprop, Adagrad and Adamax differ in
where the small ε is added, which the program says. Lion, Lamb and Ftrl are written out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet import optimizers
from glassnet.explain.code.functions import traced
from glassnet.explain.code.literals import NotSayable, literal, short
from glassnet.explain.code.torch_ops import TORCH
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
        for name in ("ema_overwrite_frequency", "gradient_accumulation_steps", "loss_scale_factor"):
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
        self.helper = OWN.get(name)
        module = "" if self.helper else "torch.optim."
        return f"{module}{name}({', '.join(['model.parameters()', f'lr={rate}', *more])})"

    def lines(self) -> list[str]:
        """Return the lines that make the optimizer, with its schedule."""
        remarks = [f"# In PyTorch {remark}." for remark in self.remarks]
        made = [*remarks, f"optimizer = {self.text}"]
        if self.optimizer.use_ema:
            momentum = literal(self.optimizer.ema_momentum)
            made += [
                "averages = torch.optim.swa_utils.AveragedModel(  # of the weights, over the steps",
                f"    model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn({momentum})",
                ")",
            ]
        own = [*self.helper.split("\n"), "", ""] if self.helper else []
        if not self.scheduled:
            return [*own, *made]
        return [
            *own,
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
            lines.append(
                f"    nn.utils.clip_grad_value_(model.parameters(), {literal(o.clipvalue)})"
            )
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

    def last_lines(self) -> list[str]:
        """Return the lines after a step, when constraints have done their part."""
        return ["    averages.update_parameters(model)"] if self.optimizer.use_ema else []


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
    if type(o) is optimizers.Lion:
        return "Lion", [f"betas=({literal(o.beta_1)}, {literal(o.beta_2)})"]
    if type(o) is optimizers.Lamb:
        betas = f"betas=({literal(o.beta_1)}, {literal(o.beta_2)})"
        return "Lamb", [betas, f"eps={literal(o.epsilon)}"]
    if type(o) is optimizers.Ftrl:
        return "Ftrl", [
            f"power={literal(o.learning_rate_power)}",
            f"start={literal(o.initial_accumulator_value)}",
            f"l1={literal(o.l1_regularization_strength)}",
            f"l2={literal(o.l2_regularization_strength)}",
            f"shrinkage={literal(o.l2_shrinkage_regularization_strength)}",
            f"beta={literal(o.beta)}",
        ]
    raise NotSayable(f"PyTorch has no {type(o).__name__} of this form")


def _betas(o: Any) -> list[str]:
    if (o.beta_1, o.beta_2) == (0.9, 0.999):
        return []
    return [f"betas=({literal(o.beta_1)}, {literal(o.beta_2)})"]


OWN = {
    "Lion": '''class Lion(torch.optim.Optimizer):
    """p - lr sign(b1 m + (1 - b1) g), with m an average of the gradients g."""

    def __init__(self, params, lr, betas):
        super().__init__(params, {"lr": lr, "betas": betas})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in (p for p in group["params"] if p.grad is not None):
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                p -= group["lr"] * torch.sign(b1 * m + (1 - b1) * p.grad)
                m.lerp_(p.grad, 1 - b2)''',
    "Lamb": '''class Lamb(torch.optim.Optimizer):
    """Adam's step r, made as long as the parameter itself: p - lr |p| / |r| r."""

    def __init__(self, params, lr, betas, eps):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "t": 0})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            (b1, b2), group["t"] = group["betas"], group["t"] + 1
            for p in (p for p in group["params"] if p.grad is not None):
                m = self.state[p].setdefault("m", torch.zeros_like(p)).lerp_(p.grad, 1 - b1)
                v = self.state[p].setdefault("v", torch.zeros_like(p)).lerp_(p.grad**2, 1 - b2)
                root = torch.sqrt(v / (1 - b2 ** group["t"]))
                r = m / (1 - b1 ** group["t"]) / (root + group["eps"])
                ratio = torch.where((p.norm() > 0) & (r.norm() > 0), p.norm() / r.norm(), 1)
                p -= group["lr"] * ratio * r''',
    "Ftrl": '''class Ftrl(torch.optim.Optimizer):
    """The parameters that are best for all gradients so far; small ones become 0."""

    def __init__(self, params, lr, **options):
        super().__init__(params, {"lr": lr, **options})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            lr, power, l1 = group["lr"], -group["power"], group["l1"]
            for p in (p for p in group["params"] if p.grad is not None):
                n = self.state[p].setdefault("n", torch.full_like(p, group["start"]))
                z = self.state[p].setdefault("z", torch.zeros_like(p))
                more = n + p.grad**2
                pull = (more**power - n**power) / lr
                z += p.grad + 2 * group["shrinkage"] * p - pull * p
                n.copy_(more)
                quadratic = more**power / lr + 2 * group["l2"] + group["beta"] / lr
                p.copy_((z.clamp(-l1, l1) - z) / quadratic)''',
}
"""Optimizers that ``torch.optim`` lacks, written out."""
