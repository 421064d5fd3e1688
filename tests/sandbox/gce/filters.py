"""filter= in its two languages."""

from __future__ import annotations

import typing as t

from .document import Document
from .store import Record


def compile_filter(text: str, document: Document, schema: str) -> t.Callable[[Record], bool]:
    """Placeholder until the languages come with the next commit."""
    return lambda _row: True
