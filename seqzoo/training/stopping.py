"""SIGTERM and Ctrl-C: a training stops between two steps, with a checkpoint."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any, TypeVar

import keras

Result = TypeVar("Result")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """A signal has stopped the program.

    Args:
        number: Of the signal.
        at_once: Whether the user did not wait, so that a step may be half done.
        resume: How to go on, in words.
    """

    def __init__(self, number: int, at_once: bool = False, resume: str = ""):
        super().__init__(f"stopped by {signal.Signals(number).name}{resume}")
        self.number = number
        self.at_once = at_once


class StopSignals:
    """Raises `Stopped` at SIGTERM and SIGINT while it is entered: at once, or when it can be.

    A second signal is obeyed at once. Signals that the process ignores stay ignored, and outside
    of the main thread, where Python handles none, all stay as they are.
    """

    def __init__(self):
        self._received: int | None = None
        self._waiting = False
        self._before: Mapping[int, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            handlers = {number: signal.getsignal(number) for number in _SIGNALS}
            self._before = {
                number: handler
                for number, handler in handlers.items()
                if handler not in (signal.SIG_IGN, None)  # None is a handler that is not Python's
            }
            for number in self._before:
                signal.signal(number, self._handle)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again, self._received = self._received is not None, number
        if again or not self._waiting:
            raise Stopped(number, at_once=again)

    def wait(self) -> None:
        """Lets signals wait from now on, until `check` or `obey`."""
        self._waiting = True

    def check(self) -> None:
        """Raises `Stopped` if a signal has come."""
        if self._received is not None:
            raise Stopped(self._received)

    def obey(self) -> None:
        """Raises `Stopped` if a signal has come, and at once when one comes later."""
        self._waiting = False
        self.check()


class StopAtSignal(keras.callbacks.Callback):
    """Lets signals wait while a step is taken or callbacks do their work.

    It obeys them between two steps and in a validation. Put it last.

    Args:
        signals: The signals, entered.
    """

    def __init__(self, signals: StopSignals):
        super().__init__()
        self._signals = signals

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._signals.wait()  # before the first step has ended, nothing can be lost
        self._signals.check()

    def on_test_begin(self, logs: Any = None) -> None:
        self._signals.obey()

    def on_test_end(self, logs: Any = None) -> None:
        self._signals.wait()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._signals.check()

    def on_train_end(self, logs: Any = None) -> None:
        self._signals.obey()

    def interruptible(
        self, predict: Callable[[Any, Sequence[Any]], Result]
    ) -> Callable[[Any, Sequence[Any]], Result]:
        """Returns a function that decodes for a metric, and obeys signals in the midst of it."""

        def obeying(model: Any, inputs: Sequence[Any]) -> Result:
            with self._obeyed():
                return predict(model, inputs)

        return obeying

    @contextlib.contextmanager
    def _obeyed(self) -> Iterator[None]:
        self._signals.obey()
        yield
        self._signals.wait()
