"""What all tasks share: the exact train step, fit on raw examples, saving."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import keras

from seqzoo.amounts import STEPS
from seqzoo.ops.option_names import check_count
from seqzoo.preprocessing.limits import Limits
from seqzoo.tasks.batch_maker import held_out, refuse_shuffle, warn_of_few
from seqzoo.tasks.chosen_training import check_choosable, choose_training
from seqzoo.tasks.exact_steps import ExactSteps
from seqzoo.tasks.on_raw_inputs import OnRawInputs
from seqzoo.tasks.quantizing import Quantizable
from seqzoo.tasks.saving import SavedAsFiles
from seqzoo.tasks.user_loss import make_loss
from seqzoo.training.optimizer import Adam
from seqzoo.training.resume import Resume
from seqzoo.training.strategies import distribute_batches, explain_lost_workers
from seqzoo.training.watching import HideCounts, WarnOfIdleSteps


class Task(ExactSteps, OnRawInputs, SavedAsFiles, Quantizable):
    """A model that knows its preprocessing, its loss and its metrics.

    Args:
        head: Makes outputs of hidden states, and knows their loss and metrics.
        preprocessor: Turns raw examples into `(x, y, sample_weight)`; None where users feed
            tensors themselves.
        limits: How much of a served request is read; None is `Limits()`.

    Example:
        >>> words = sz.preprocessing.ByteTokenizer()
        >>> isinstance(sz.zoo.gu_2023(words, units=8, layers=1), sz.tasks.Task)
        True
    """

    watched = "loss"  # the measure of validation that tells best how good a task is
    learning_rate = 1e-3  # the highest of a training, where the task chooses it
    training_steps = STEPS  # of a training, about, where the task chooses its epochs

    def __init__(self, head, preprocessor=None, limits: Limits | None = None, **kwargs):
        super().__init__(**kwargs)
        self.head = head
        self.limits = Limits() if limits is None else limits
        self.preprocessor = preprocessor
        self.loss_mean = keras.metrics.Mean(name="loss")
        self.head_metrics = head.make_metrics()
        self.gradient_norm = keras.metrics.Mean(name="gradient_norm")
        self.token_sum = keras.metrics.Sum(name="tokens")
        self.padding_mean = keras.metrics.Mean(name="padding")
        self.idle_sum = keras.metrics.Sum(name="idle_steps")
        self._user_loss: Any = None
        self.accumulation_steps = 1
        self.chose_optimizer = False
        self._examples_of_step: Any = lambda step: None

    def compile(
        self,
        optimizer: Any = "auto",
        loss: Any = "auto",
        metrics: Any = None,
        weighted_metrics: Any = None,
        jit_compile: bool = False,
        accumulation_steps: int = 1,
        **kwargs,
    ):
        """Sets how the task learns; each argument has a default that suits the task.

        Args:
            optimizer: `"auto"` is Adam with a learning rate of 0.001 whose gradients are clipped
                to a global norm of 1. Any other Keras optimizer clips as it is configured.
            loss: `"auto"` is that of the head. A Keras loss is called on `(y, outputs)`, one
                value for each token, of which the weighted mean is minimised; by name it gets
                `from_logits=True`.
            metrics: As in Keras, beside those of the head.
            weighted_metrics: As in Keras.
            jit_compile: As in Keras, but False.
            accumulation_steps: Positive int. The gradient of a batch is computed in so many parts,
                one after the other, in the memory of one; it is the same.
            **kwargs: Other arguments of Keras's `compile`.

        Raises:
            ValueError: if `accumulation_steps` is below 1, or a loss cannot read logits and the
                task's targets.
        """
        if accumulation_steps < 1:
            raise ValueError(
                "`accumulation_steps` must be at least 1. Received: "
                f"accumulation_steps={accumulation_steps}."
            )
        self.chose_optimizer = optimizer == "auto"
        optimizer = Adam(1e-3, global_clipnorm=1.0) if self.chose_optimizer else optimizer
        super().compile(
            optimizer=optimizer,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            jit_compile=jit_compile,
            **kwargs,
        )
        self._loss_tracker = self.loss_mean  # Keras's own is updated by no step
        self._user_loss = make_loss(loss, self.head)
        self.accumulation_steps = accumulation_steps

    @property
    def metrics(self):
        """All metrics, each once, the loss first."""
        return list({id(metric): metric for metric in super().metrics}.values())

    def get_compile_config(self):
        config = super().get_compile_config()
        if config:
            config["loss"] = keras.saving.serialize_keras_object(self._user_loss)
            config["accumulation_steps"] = self.accumulation_steps
        return config

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    @property
    def described_limits(self) -> dict[str, int]:
        """What an exported model reads at most, by name."""
        return dataclasses.asdict(self.limits)

    def fit(
        self,
        x=None,
        y=None,
        batch_size: int | None = None,
        epochs: int | Literal["auto"] = 1,
        verbose="auto",
        callbacks=None,
        validation_data=None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_batch_size: int | None = None,
        tokens_per_batch: int | None = None,
        packed: bool | int = False,
        seed: int = 0,
        sample_weight=None,
        class_weight: Mapping[Any, float] | None = None,
        validation_split: float = 0.0,
        columns: Mapping[str, str] | None = None,
        **kwargs,
    ):
        """Trains on raw examples, or on tensors as Keras does.

        Args:
            x: Raw inputs and targets: a list of pairs; a frame of pandas or polars, a data set of
                Hugging Face, a dict or list of dicts with named columns; a `tf.data.Dataset` of
                tuples or dicts, batched or not; a generator or `PyDataset`, which are read once; or
                a stream of `seqzoo.datasets.streams`, which need not fit into memory. Or the
                inputs alone, with the targets in `y`. Or tensors that the task is called on.
            y: Targets, one for each of `x`.
            batch_size: Examples of a batch, over all replicas; 64 if it and `tokens_per_batch`
                are None, for tensors Keras's own default.
            epochs: The epoch at which training ends. `"auto"` suits the examples, and so do the
                batch size, if none is given, and the learning rate, unless `compile` got an
                optimizer; the best weights stay where there are validation data.
            verbose: As in Keras.
            callbacks: As in Keras, in a list.
            validation_data: Examples in any of the forms of `x`, or a tuple of inputs and targets,
                and of weights where there are.
            initial_epoch: The first epoch; the stream of batches continues from there. A
                `training.Resume` in `callbacks` that has a checkpoint overrides it.
            steps_per_epoch: Batches of an epoch; None is as many as hold all examples.
            validation_batch_size: Examples of a batch of the validation data.
            tokens_per_batch: Tokens on the longer side of a batch, instead of `batch_size`. Not
                for tensors.
            packed: Whether several examples share a row, so that hardly a step is padding, with the
                losses and gradients of a row for each; an int is the steps of a row, True the
                longest example. `batch_size` counts rows then.
            seed: Seed of the order of the examples; has no effect on tensors.
            sample_weight: A number for each example, how much it counts in loss and metrics. It may
                also be the third of a tuple, or a column that `columns` names for `"weight"`.
            class_weight: Weights by label or tag, 1 where none is given.
            validation_split: Share of the examples, the last ones, that is validated on and not
                learned from; for lists, arrays and tables.
            columns: Names of columns by role: text and label; tokens and tags; source and target;
                image and caption. Those that are not named are guessed where there is one usual
                name, and told on stderr.
            **kwargs: Other arguments of Keras's `fit`.

        Returns:
            Keras's `History`.

        Raises:
            ValueError: if the examples are not of such a form, a count below 1, or an argument
                only for tensors.
            ConnectionError: if another worker has stopped.
        """
        counts = {"batch_size": batch_size, "tokens_per_batch": tokens_per_batch}
        counts |= {"validation_batch_size": validation_batch_size}
        for name, value in counts.items():
            if value is not None:
                check_count(name, value)
        is_raw = self.is_raw(x)
        if epochs == "auto":
            check_choosable(is_raw, packed, steps_per_epoch, callbacks)
            if not self.compiled:
                self.compile()
        callbacks = [*(callbacks or ()), HideCounts()]
        if not any(isinstance(each, WarnOfIdleSteps) for each in callbacks):
            callbacks.insert(0, WarnOfIdleSteps())
        resume = next((each for each in callbacks if isinstance(each, Resume)), None)
        done = resume.step if resume else 0
        if resume and done:
            initial_epoch = resume.initial_epoch(int(epochs))
        passed = dict(verbose=verbose, initial_epoch=initial_epoch, **kwargs)
        self.check_options(x, tokens_per_batch, packed)
        if not is_raw:
            return self.fit_tensors(
                x,
                y,
                validation_data,
                batch_size=batch_size,
                epochs=epochs,
                callbacks=callbacks,
                steps_per_epoch=steps_per_epoch,
                validation_batch_size=validation_batch_size,
                sample_weight=sample_weight,
                class_weight=class_weight,
                validation_split=validation_split,
                **passed,
            )
        refuse_shuffle(kwargs)
        most = steps_per_epoch and steps_per_epoch * int(epochs) * (batch_size or 64)
        examples = self.read(x, y, sample_weight, columns, most)
        warn_of_few(x, examples, most)
        others = None
        if validation_split and validation_data is None:
            examples, others = held_out(examples, validation_split)
        if epochs == "auto":
            is_validated = others is not None or validation_data is not None
            sizes = batch_size, tokens_per_batch
            chosen = choose_training(self, examples, *sizes, callbacks, is_validated, verbose)
            batch_size, epochs = chosen.batch_size, chosen.epochs
            callbacks += chosen.callbacks
        elif batch_size is None and tokens_per_batch is None:
            batch_size = 64
        rows = validation_batch_size or batch_size
        validation = None
        if validation_data is not None:
            validation = self.evaluated_batches(validation_data, None, rows, columns=columns)
        elif others:
            validation = self.evaluated_batches(*others[:2], rows, others.weights)
        options: dict[str, Any] = {"packed": packed} if packed else {}
        if weights := self.make_weights(examples, class_weight, packed):
            options["weights"] = weights
        sizes = batch_size, tokens_per_batch
        batches = self.make_training_batches(
            examples.x, examples.y, *sizes, seed, steps_per_epoch, **options
        )
        steps = steps_per_epoch or batches.steps_per_epoch
        if resume:
            settings = {"batch_size": batch_size, "tokens_per_batch": tokens_per_batch}
            settings |= {"class_weight": dict(class_weight)} if class_weight else {}
            resume.data = {**batches.origin, **settings, "seed": seed, "steps_per_epoch": steps}
        self._examples_of_step = batches.examples_of_step
        batches = batches.after(done or initial_epoch * steps)
        with explain_lost_workers(self.distribute_strategy):
            history = super().fit(
                distribute_batches(self.distribute_strategy, batches),
                epochs=epochs,
                callbacks=callbacks,
                steps_per_epoch=steps,
                validation_data=validation,
                shuffle=False,  # the stream is shuffled already
                **passed,
            )
        if validation is not None:
            self._learn_from_validation(validation)
        return history

    def _learn_from_validation(self, batches):
        """Sets what the validation batches tell better than the training ones, at the end."""

    def examples_of_step(self, step: int) -> list[int] | None:
        """The numbers of the examples in a batch of the last `fit`, from 0 on; None of a stream."""
        return self._examples_of_step(step)

    def export(self, filepath, **options) -> None:
        """Writes a SavedModel to `filepath`/1; see `seqzoo.export.saved_model`."""
        from seqzoo.export import saved_model

        saved_model(self, filepath, **options)
