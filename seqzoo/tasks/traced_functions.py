"""The traced functions that a task keeps between calls."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

_MOST = 8  # a traced search takes about 14 MB


class TracedFunctions:
    """The last few traced functions of a task by key. No part of the model."""

    def __init__(self):
        self._functions: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, trace: Callable[[], Any]) -> Any:
        """Returns the function of a key, traced anew where it is not among the last ones."""
        if key not in self._functions:
            self._functions[key] = trace()
            if len(self._functions) > _MOST:
                self._functions.popitem(last=False)
        self._functions.move_to_end(key)
        return self._functions[key]
