"""What the server answers, as frozen dataclasses, and what it is sent, as TypedDicts."""

from ._contract import models as _models
from ._contract.models import *  # noqa: F403

__all__: list[str] = []
__all__ += _models.__all__
