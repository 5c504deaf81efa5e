"""Packages that only some work needs: imported when it begins, missed in one line."""

import importlib
from types import ModuleType

from dwindle.errors import UserError


def imported(module: str, remedy: str) -> ModuleType:
    """The module, or one line that says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"{module} cannot be imported ({error}): {remedy}") from error
