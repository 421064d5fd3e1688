"""EC2, SSM and IAM on loopback: moto, made as strict, as slow and as forgetful as the service itself.

One ``Api`` per process, since moto keeps its accounts in the process.
"""

from tests.sandbox.api.server import Api
from tests.sandbox.api.world import Delays

__all__ = ["Api", "Delays"]
