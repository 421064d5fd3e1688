"""filter= in its two languages, which cannot be mixed: AIP-160 (`labels.a=b AND status=RUNNING`), and the older one
of regular expressions (`name eq 'a.*'`)."""

from __future__ import annotations

import operator as operator_
import re
import typing as t

from . import errors
from .document import Document
from .store import Record

Test = t.Callable[[Record], bool]
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<open>\() | (?P<close>\)) |
        (?P<operator><=|>=|!=|=|<|>|:) |
        "(?P<double>(?:[^"\\]|\\.)*)" | '(?P<single>(?:[^'\\]|\\.)*)' |
        (?P<word>[^\s()=!<>:"']+)
    )""",
    re.VERBOSE,
)
_OLD = re.compile(r"\s*(?P<field>[\w.-]+)\s+(?P<operator>eq|ne)\s+(?:'(?P<s>[^']*)'|\"(?P<d>[^\"]*)\"|(?P<w>\S+))\s*")
_OLD_MARK = re.compile(r"(?:^|[\s(])[\w.-]+\s+(?:eq|ne)\s")
_NEW_MARK = re.compile(r"[=<>:]|\s(?:AND|OR)\s|\bNOT\s")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
#: RE2 has none of these.
_NOT_RE2 = re.compile(r"\(\?(?:[=!]|<[=!])|\\[1-9]")
_ORDERS = {"<": operator_.lt, ">": operator_.gt, "<=": operator_.le, ">=": operator_.ge}


class _Bad(Exception):
    pass


def compile_filter(text: str, document: Document, schema: str) -> Test:
    """A test of resources of that schema; an empty text takes all. Raises ApiError."""
    if not text.strip():
        return lambda _row: True
    try:
        if _OLD_MARK.search(_QUOTED.sub('""', text)):
            return _old(text, document, schema)
        return _Parser(text, document, schema).parse()
    except _Bad as why:
        raise errors.invalid("filter", text, f"Invalid list filter expression. {why}".rstrip()) from why


def _check_field(field: str, document: Document, schema: str) -> None:
    """A field that the schema does not have cannot be filtered by."""
    current: t.Any = {"$ref": schema}
    for part in field.split("."):
        while "$ref" in current or "items" in current:
            current = document.schemas[current["$ref"]] if "$ref" in current else current["items"]
        current = current.get("properties", {}).get(part) or current.get("additionalProperties")
        if current is None:
            raise _Bad(f"Unknown field: {field}.")


def _values(row: t.Any, path: t.Sequence[str]) -> t.Iterator[t.Any]:
    """Every value at a dotted path; lists are looked through."""
    if isinstance(row, list):
        for item in row:
            yield from _values(item, path)
    elif not path:
        yield row
    elif isinstance(row, dict) and path[0] in row:
        yield from _values(row[path[0]], path[1:])


def _text(value: t.Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _old(text: str, document: Document, schema: str) -> Test:
    """One expression, or several in parentheses, all of which must hold. The whole value must match."""
    bare = text.strip()
    if bare.startswith("("):
        parts = re.findall(r"\(((?:[^()'\"]|'[^']*'|\"[^\"]*\")*)\)", bare)
        if re.sub(r"\(((?:[^()'\"]|'[^']*'|\"[^\"]*\")*)\)|\s", "", bare):
            raise _Bad
    else:
        parts = [bare]
    tests = [_old_one(part, document, schema) for part in parts]
    return lambda row: all(test(row) for test in tests)


def _old_one(text: str, document: Document, schema: str) -> Test:
    match = _OLD.fullmatch(text)
    if not match:
        mixed = _NEW_MARK.search(_QUOTED.sub("", text))
        raise _Bad("The two kinds of filter expressions cannot be mixed." if mixed else "")
    _check_field(match["field"], document, schema)
    literal = next(group for group in (match["s"], match["d"], match["w"]) if group is not None)
    try:
        if _NOT_RE2.search(literal):
            raise _Bad("The regular expression is not one of RE2.")
        pattern = re.compile(literal)
    except re.error as why:
        raise _Bad(f"Invalid regular expression: {why}.") from why
    path, negative = match["field"].split("."), match["operator"] == "ne"

    def test(row: Record) -> bool:
        found = any(pattern.fullmatch(_text(value)) for value in _values(row, path))
        return found != negative

    return test


class _Parser:
    """AIP-160 by recursive descent. OR binds tighter than AND; side by side means AND."""

    def __init__(self, text: str, document: Document, schema: str) -> None:
        self.document = document
        self.schema = schema
        self.tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if not match:
                raise _Bad
            kind = str(match.lastgroup)
            value = match[kind]
            if kind in ("single", "double"):
                kind, value = "quoted", re.sub(r"\\(.)", r"\1", value)
            self.tokens.append((kind, value))
            position = match.end()
        self.at = 0

    def parse(self) -> Test:
        test = self.all_of()
        if self.at < len(self.tokens):
            raise _Bad
        return test

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def next(self) -> tuple[str, str]:
        token = self.peek()
        self.at += 1
        return token

    def all_of(self) -> Test:
        tests = [self.any_of()]
        while self.peek()[0] not in ("end", "close"):
            if self.peek() == ("word", "AND"):
                self.next()
            tests.append(self.any_of())
        return lambda row: all(test(row) for test in tests)

    def any_of(self) -> Test:
        tests = [self.term()]
        while self.peek() == ("word", "OR"):
            self.next()
            tests.append(self.term())
        return lambda row: any(test(row) for test in tests)

    def term(self) -> Test:
        kind, value = self.peek()
        if (kind, value) == ("word", "NOT") or (kind == "word" and value == "-"):
            self.next()
            inner = self.term()
            return lambda row: not inner(row)
        if kind == "open":
            self.next()
            test = self.all_of()
            if self.next()[0] != "close":
                raise _Bad
            return test
        return self.restriction()

    def restriction(self) -> Test:
        kind, field = self.next()
        if kind != "word" or field in ("AND", "OR"):
            raise _Bad
        negative = field.startswith("-")
        field = field.lstrip("-")
        kind, operator = self.next()
        if kind != "operator":
            raise _Bad
        kind, literal = self.next()
        if kind not in ("word", "quoted"):
            raise _Bad
        _check_field(field, self.document, self.schema)
        test = _comparison(field.split("."), operator, literal, kind == "quoted")
        return (lambda row: not test(row)) if negative else test


def _comparison(path: t.Sequence[str], operator: str, literal: str, quoted: bool) -> Test:
    if operator == ":" and literal == "*" and not quoted:
        return lambda row: any(True for _value in _values(row, path))
    if operator in ("=", "!=", ":"):
        parts = [re.escape(part) for part in literal.split("*")]
        pattern = re.compile(".*".join(parts), re.DOTALL)
        seek = pattern.search if operator == ":" else pattern.fullmatch

        def equal(row: Record) -> bool:
            found = any(seek(_text(value)) for value in _values(row, path))
            return found != (operator == "!=")

        return equal
    compare: t.Callable[[t.Any, t.Any], bool] = _ORDERS[operator]
    try:
        number: float | None = float(literal)
    except ValueError:
        number = None

    def ordered(row: Record) -> bool:
        for value in _values(row, path):
            try:
                if compare(*((_text(value), literal) if number is None else (float(value), number))):
                    return True
            except (ValueError, TypeError):  # a text is neither above nor below a number
                continue
        return False

    return ordered
