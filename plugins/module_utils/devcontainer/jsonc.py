# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""JSON with comments and trailing commas, read strictly. Pure.

The reference CLI accepts a devcontainer.json that ends in the middle, and runs what is left of it. This parser does
not: what is not a whole document is an error that names its line and column.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput

_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_SCALAR = re.compile(
    r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![0-9A-Za-z.+-])|(?:true|false|null)(?![0-9A-Za-z_])"
)
_SPACE = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_MAX_DEPTH = 100


def parse(text: str, name: str = "devcontainer.json") -> t.Any:
    """The document's value. Raises InvalidInput: ``NAME: line L, column C: what is wrong``."""
    reader = _Reader(text[1:] if text.startswith("\ufeff") else text, name)
    value = reader.value(0)
    reader.skip()
    if reader.position < len(reader.text):
        raise reader.error("expected the end of the file")
    return value


class _Reader:
    """A position in a text."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.position = 0

    def error(self, what: str) -> InvalidInput:
        before = self.text[: self.position]
        line = before.count("\n") + 1
        column = self.position - (before.rfind("\n") + 1) + 1
        ended = " but the file ends here; is it whole?" if self.position >= len(self.text) else ""
        return InvalidInput(f"{self.name}: line {line}, column {column}: {what}{ended}")

    def skip(self) -> None:
        """Go over white space and comments."""
        found = _SPACE.match(self.text, self.position)
        self.position = found.end() if found else self.position
        if self.text.startswith("/*", self.position):
            raise self.error("a comment has no end")

    def at(self, character: str) -> bool:
        """Whether this character is next; if so, it is taken."""
        self.skip()
        if not self.text.startswith(character, self.position):
            return False
        self.position += len(character)
        return True

    def value(self, depth: int) -> t.Any:
        if depth > _MAX_DEPTH:
            raise self.error(f"nested deeper than {_MAX_DEPTH} levels")
        if self.at("{"):
            return self.object(depth)
        if self.at("["):
            return self.array(depth)
        if self.text.startswith('"', self.position):
            return self.string()
        found = _SCALAR.match(self.text, self.position)
        if not found:
            raise self.error("expected a value")
        self.position = found.end()
        return json.loads(found.group())

    def string(self) -> str:
        found = _STRING.match(self.text, self.position)
        if not found:
            raise self.error("this string has no end on its line, or a wrong escape")
        self.position = found.end()
        return str(json.loads(found.group()))

    def object(self, depth: int) -> dict[str, t.Any]:
        result: dict[str, t.Any] = {}
        while not self.at("}"):
            if not self.text.startswith('"', self.position):
                raise self.error("expected a name in double quotes, or '}'")
            name = self.string()
            if not self.at(":"):
                raise self.error("expected ':'")
            result[name] = self.value(depth + 1)
            if not self.at(","):
                if self.at("}"):
                    break
                raise self.error("expected ',' or '}'")
        return result

    def array(self, depth: int) -> list[t.Any]:
        result: list[t.Any] = []
        while not self.at("]"):
            result.append(self.value(depth + 1))
            if not self.at(","):
                if self.at("]"):
                    break
                raise self.error("expected ',' or ']'")
        return result
