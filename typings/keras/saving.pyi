from collections.abc import Callable
from typing import Any, TypeVar

Registered = TypeVar("Registered")

def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[Registered], Registered]: ...
def __getattr__(name: str) -> Any: ...
