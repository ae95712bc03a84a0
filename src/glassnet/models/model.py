"""Models: layers put together, compiled, trained, asked."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from glassnet import metrics as metrics_module
from glassnet import optimizers
from glassnet.callbacks import History
from glassnet.checks import nearest, one_of
from glassnet.config import ENGINES
from glassnet.graph.dimension import Size
from glassnet.graph.tensor import Placeholder, Tensor
from glassnet.graph.variable import Variable
from glassnet.layers import InputLayer
from glassnet.layers.base import LAYERS, Layer
from glassnet.layers.calling import public_shape
from glassnet.models import loop, quick
from glassnet.models.arranging import TURNED, arranged, is_turned
from glassnet.models.compiled import CompiledLoss, CompiledMetrics
from glassnet.models.configuration import network_arguments, network_config
from glassnet.models.explaining import Explained
from glassnet.models.network import Network
from glassnet.models.running import Progress, step_makers
from glassnet.models.saving import SavedModel
from glassnet.models.steps import Step, signature, total_loss
from glassnet.models.summary import print_summary
from glassnet.nest import flatten, map_structure, pack_like
from glassnet.ops.reduction import number

STEPS_KEPT = 64
"""How many recorded steps a model keeps: inputs may come in ever new sizes."""

_recording_lock = threading.RLock()  # threads may predict at once; one of them records


@LAYERS.add("Functional")
class Model(SavedModel, Explained):
    """A network of layers, with the means to train it.

    Made from symbolic tensors, ``Model(inputs, outputs)``, or by a subclass that makes layers in
    ``__init__`` and composes them in ``call``. A model is a layer: it can be part of another.

    Args:
        inputs: what ``Input`` returned, or a list or dict of such.
        outputs: tensors that layers made of them.
        name: the name; one is made up for None.
        trainable: whether an optimizer changes the weights.

    >>> import numpy as np, glassnet as gn
    >>> inputs = gn.Input((3,))
    >>> outputs = gn.layers.Dense(1)(gn.layers.Dense(4, activation="relu")(inputs))
    >>> model = gn.Model(inputs, outputs)
    >>> model.predict(np.zeros((2, 3)), verbose=0).tolist()
    [[0.0], [0.0]]
    """

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self._network: Network | None = None
        self._input_layers: list[Layer] = []
        self.stop_training = False
        self.optimizer: Any = None
        self.compiled_loss = CompiledLoss(None)
        self.compiled_metrics: CompiledMetrics = CompiledMetrics(None, None)
        self.compile_arguments: dict[str, Any] | None = None
        self.check_finite = True
        self.engine: str | None = None
        self.history: Any = None
        self.progress = Progress()
        self._loss_trackers: dict[str, Any] = {}
        self._steps: dict[Any, Any] = {}
        self.prepared: dict[Any, quick.Quick] = {}
        if (inputs is None) != (outputs is None):
            raise ValueError("Model(inputs, outputs) takes both, or none in a subclass.")
        if inputs is not None:
            self._set_network(Network(inputs, outputs))

    # Attributes that hold what is no part of the network.
    _not_parts = (
        "optimizer",
        "compiled_metrics",
        "_loss_trackers",
        "history",
        "_calls",
        "compile_arguments",
        "compiled_loss",
        "_steps",
        "prepared",
        "progress",
        "_input_layers",
    )

    def __getstate__(self) -> dict[str, Any]:
        # A copy, or another process, records its steps itself: they hold addresses and locks.
        return {**self.__dict__, "_steps": {}, "prepared": {}}

    def _parts(self) -> Any:
        for name, value in self.__dict__.items():
            if name in self._not_parts:
                continue
            leaves = value.layers if isinstance(value, Network) else flatten(value)
            yield from (part for part in leaves if isinstance(part, (Variable, Layer)))

    def _set_network(self, network: Network) -> None:
        self._network = network
        self._input_layers = [
            InputLayer(input_tensor=t) for t in network.flat_inputs if isinstance(t, Placeholder)
        ]
        self.built = True
        self.forget_steps()

    # --- what it is made of -----------------------------------------------------------------
    @property
    def layers(self) -> list[Layer]:
        """The layers, in the order of their first use; inputs first in a functional model."""
        return [*self._input_layers, *self._sublayers()]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return the layer of that name, or at that place of ``layers``.

        Raises:
            ValueError: where there is none; names those there are.
        """
        if (name is None) == (index is None):
            raise ValueError("get_layer takes name= or index=.")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f"index={index}: the model has {len(self.layers)} layers.")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in self.layers]
        raise ValueError(
            f"No layer is called {name!r}; there are {', '.join(names)}.{nearest(name, names)}"
        )

    def _need_network(self, what: str) -> Network:
        if self._network is None:
            raise AttributeError(
                f"Model {self.name!r} has no {what} of its own: it was not made from Input(). "
                "Call it on data first, or begin it with Input(shape=…)."
            )
        return self._network

    @property
    def inputs(self) -> list[Tensor]:
        """The symbolic inputs, in order."""
        return self._need_network("inputs").flat_inputs

    @property
    def outputs(self) -> list[Tensor]:
        """The symbolic outputs, in order."""
        return flatten(self._need_network("outputs").outputs)

    @property
    def input(self) -> Any:
        """The symbolic input, or the structure of them."""
        return self._need_network("input").inputs

    @property
    def output(self) -> Any:
        """The symbolic output, or the structure of them."""
        return self._need_network("output").outputs

    @property
    def input_shape(self) -> Any:
        """The shape of the input, None for the batch."""
        return map_structure(lambda t: public_shape(t.shape), self.input)

    @property
    def output_shape(self) -> Any:
        """The shape of the output, None for the batch."""
        return map_structure(lambda t: public_shape(t.shape), self.output)

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return [str(t.name) for t in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs: those of the layers that made them."""
        return self.names_of_outputs(self.output)

    def names_of_outputs(self, outputs: Any) -> list[str]:
        """Return a name for each output: its key, its layer's name, or ``output_1`` …"""
        if isinstance(outputs, Mapping):
            return list(outputs)
        own = flatten(self._network.outputs) if self._network else []
        names = [
            t.origin[0].layer.name if t.origin is not None else f"output_{i + 1}"
            for i, t in enumerate(own)
        ]
        count = len(flatten(outputs))
        if len(names) != count or len(set(names)) != count:
            return [f"output_{i + 1}" for i in range(count)]
        return names

    # --- computing --------------------------------------------------------------------------
    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape; a subclass may do it in ``call`` instead."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the outputs for the inputs."""
        network = self._need_network("call()")
        given = arranged(inputs, network, self.name)
        return network.replay(pack_like(network.inputs, given))

    def check_input(self, inputs: Any) -> None:
        """Inputs are checked where they meet the network's own."""

    def check_data(self, x: Any) -> None:
        """Raise where arrays do not fit the inputs, with what their real sizes tell."""
        if self._network is not None:
            stand_ins = map_structure(lambda a: Placeholder(a.shape, a.dtype), x)
            arranged(stand_ins, self._network, self.name)

    # --- training ---------------------------------------------------------------------------
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
        check_finite: bool = True,
        engine: str | None = None,
    ) -> None:
        """Fix how the model is trained.

        Args:
            optimizer: a name or an optimizer.
            loss: a name, a loss or a function; a list or a dict for several outputs.
            loss_weights: the weight of each output's loss.
            metrics: names, metrics or functions; ``"accuracy"`` finds the fitting one.
            weighted_metrics: the same, for metrics that heed the sample weights.
            run_eagerly, steps_per_execution, jit_compile, auto_scale_loss: for Keras's sake.
            check_finite: stop at the first value that is NaN or infinite and explain it.
            engine: ``"auto"``, ``"numpy"`` or ``"native"``; by default what
                `glassnet.config.set_engine` says when the model runs.
        """
        self.engine = None if engine is None else one_of(engine, ENGINES, "compile, engine")
        self.optimizer = optimizers.get(optimizer)
        self.compiled_loss = CompiledLoss(loss, loss_weights)
        self.compiled_metrics = CompiledMetrics(metrics, weighted_metrics)
        self.check_finite = check_finite
        self.compile_arguments = {
            "optimizer": self.optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "check_finite": check_finite,
        }
        self._loss_trackers.clear()
        self.forget_steps()

    @property
    def compiled(self) -> bool:
        """Whether ``compile`` was called."""
        return self.compile_arguments is not None

    @property
    def loss(self) -> Any:
        """The loss given to ``compile``."""
        return None if self.compile_arguments is None else self.compile_arguments["loss"]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """Return the loss of a batch with all penalties; a subclass may compute another."""
        return total_loss(self, y, y_pred, sample_weight)[0]

    @property
    def computes_own_loss(self) -> bool:
        """Whether a subclass has a ``compute_loss`` of its own."""
        return type(self).compute_loss is not Model.compute_loss

    @property
    def metrics(self) -> list[Any]:
        """The metrics: the loss first, then those given to ``compile``."""
        found = [m for _, _, m, _ in self.compiled_metrics.entries or ()]
        return [*self._loss_trackers.values(), *found]

    @property
    def metrics_names(self) -> list[str]:
        """The names under which the metrics stand in logs and histories."""
        found = [name for _, name, _, _ in self.compiled_metrics.entries or ()]
        return [*self._loss_trackers, *found]

    def track_losses(self, loss: Tensor, parts: Sequence[tuple[str, Tensor]], size: Size) -> None:
        """Record the running means of the total loss and of each output's."""
        weight = number(size, np.float64)
        for name, value in (("loss", loss), *parts):
            if name not in self._loss_trackers:
                self._loss_trackers[name] = metrics_module.Mean(name=name)
            self._loss_trackers[name].update_state(value, sample_weight=weight)

    def reset_metrics(self) -> None:
        """Start all metrics anew."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the value of every metric by its name."""
        results = {}
        for name, metric in zip(self.metrics_names, self.metrics, strict=True):
            value = np.asarray(metric.result())
            results[name] = value.item() if value.ndim == 0 else value
        return results

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> History:
        """Train for a number of epochs; return the ``History``.

        Args:
            x: an array, a list or dict of arrays (examples first), or an iterable of batches.
            y: the targets, arranged alike; none for an iterable, which yields ``(x, y)``.
            batch_size: examples a step; 32 for None.
            epochs: where to stop, counted from 0 even with ``initial_epoch``.
            verbose: 0 silent, 1 a progress bar, 2 a line an epoch, below which a second-order
                optimizer tells each of its steps; "auto" is 1.
            callbacks: callbacks, or a list of them.
            validation_split: the share of the last examples that is kept for validation.
            validation_data: ``(x, y)`` or ``(x, y, sample_weight)``, or an iterable of batches.
            shuffle: whether the examples come in a new order in every epoch.
            class_weight: a weight for each class number.
            sample_weight: a weight for each example.
            initial_epoch: the epoch to start at.
            steps_per_epoch: batches an epoch; a whole pass for None.
            validation_steps: batches a validation; a whole pass for None.
            validation_batch_size: as ``batch_size``, for validation.
            validation_freq: validate every so many epochs, or after the epochs listed.

        Raises:
            NonFiniteError: at the first NaN or infinity, with its explanation.
            ValueError: where data, shapes or labels do not fit the model.
        """
        return loop.fit(
            self,
            x,
            y,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
            sample_weight=sample_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
        )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return the loss and the metrics on data: a number, a list, or a dict by name."""
        return loop.evaluate(
            self,
            x,
            y,
            batch_size=batch_size,
            verbose=verbose,
            sample_weight=sample_weight,
            steps=steps,
            callbacks=callbacks,
            return_dict=return_dict,
        )

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Return the outputs for the inputs, as arrays. Safe from several threads."""
        if verbose == 0 and callbacks is None and steps is None:
            known = quick.answered(self, x, batch_size)
            if known is not None:
                return known
        return loop.predict(
            self, x, batch_size=batch_size, verbose=verbose, steps=steps, callbacks=callbacks
        )

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Make one training step on one batch; return its loss and metrics."""
        return loop.train_on_batch(self, x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Return the loss and the metrics of one batch."""
        return loop.test_on_batch(self, x, y, sample_weight, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for one batch."""
        return loop.predict_on_batch(self, x)

    def step_for(self, kind: str, batch: Any, make: Any, key: Any) -> Step | Any:
        """Return the recorded step of this kind, recording it where there is none yet."""
        full = (kind, key, tuple(id(v) for v in self.trainable_weights))
        with _recording_lock:
            found = self._steps.get(full)
            if found is None:
                self.check_data(batch.x)
                try:
                    found = make(self, batch)
                except ValueError as error:
                    if not is_turned(self.first_inputs, batch.x):
                        raise
                    raise ValueError(f"{error}{TURNED}") from None
                while len(self._steps) >= STEPS_KEPT:
                    del self._steps[next(iter(self._steps))]
                self._steps[full] = found
        return found

    def forget_steps(self) -> None:
        """Let go of what was recorded: layers, loss or optimizer are others now."""
        self._steps.clear()
        self.prepared.clear()

    def training_step(self, batch: Any) -> Step | Any:
        """Return the recorded training step for batches like this one."""
        return self.step_for("train", batch, step_makers(self)["train"], signature(batch))

    # --- looking ----------------------------------------------------------------------------
    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: tuple[str, str] | None = None,
        notation: str | None = None,
    ) -> None:
        """Print the layers, their output shapes and numbers of parameters; see `print_summary`."""
        print_summary(
            self, line_length, print_fn, expand_nested, show_trainable, layer_range, notation
        )

    @classmethod
    def is_arranged(cls) -> bool:
        return cls.__init__ is Model.__init__

    @property
    def called(self) -> list[Layer]:
        return self._need_network("layers").layers

    def arrangement(self) -> dict[str, Any]:
        return network_config(self, self._network)

    @classmethod
    def rearranged(cls, config: Mapping[str, Any], *given: Any) -> Any:
        return cls(**network_arguments(config, *given))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name!r}, built={self.built}>"
