"""What the sandbox says when it cannot go on."""

from __future__ import annotations


class SandboxError(Exception):
    """One sentence for whoever typed the command: what is lacking, and the way out."""
