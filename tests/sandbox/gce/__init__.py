"""A stand-in for Compute Engine, strict where the real one is. It answers on loopback only."""

from .api import Api
from .world import Delays

__all__ = ["Api", "Delays"]
