"""JSONC: what is accepted, and that nothing that ends in the middle ever is."""

from __future__ import annotations

import json

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer import jsonc
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from hypothesis import given
from hypothesis import strategies as st

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.text(), values, max_size=5)
noise = st.sampled_from(["", " ", "\n", "\t", "// a } comment\n", '/* a " ] comment */', "/**/", "//\r\n"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2,], }', {"a": [1, 2]}),
        ('\ufeff{"a": 1} // end', {"a": 1}),
        ('{"url": "http://x/*y*/"}', {"url": "http://x/*y*/"}),
        ('{"a": -1.5e3, "b": "\\u00e9\\n"}', {"a": -1500.0, "b": "é\n"}),
        ("{}", {}),
        ("[]", []),
        ("/* only */ null", None),
    ],
)
def test_accepted(text, value):
    assert jsonc.parse(text) == value


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "line 1, column 1: expected a value but the file ends here"),
        ('{\n  "image": "x",\n', "line 3, column 1: expected a name"),
        ('{"a": "x', "line 1, column 7: this string has no end"),
        ('{"a": 1} /* no end', "line 1, column 10: a comment has no end"),
        ('{"a": 1} {', "line 1, column 10: expected the end of the file"),
        ("{'a': 1}", "line 1, column 2: expected a name"),
        ('{"a" 1}', "line 1, column 6: expected ':'"),
        ('{"a": 1 "b": 2}', "line 1, column 9: expected ',' or '}'"),
        ("[1 2]", "line 1, column 4: expected ',' or ']'"),
        ("[,]", "line 1, column 2: expected a value"),
        ('{"a": 01}', "line 1, column 7: expected a value"),
        ('{"a": NaN}', "line 1, column 7: expected a value"),
        ('{"a": truex}', "line 1, column 7: expected a value"),
        ('{"a": "\\x"}', "line 1, column 7: this string"),
        ("[" * 200, "nested deeper than 100"),
    ],
)
def test_refused_with_its_place(text, where):
    with pytest.raises(InvalidInput) as caught:
        jsonc.parse(text, "some.json")
    assert str(caught.value).startswith("some.json: line") and where in str(caught.value)


def written(value, draw):
    """A value as JSONC with comments and trailing commas wherever they may stand."""
    if isinstance(value, dict):
        parts = [f"{draw(noise)}{json.dumps(k)}{draw(noise)}:{written(v, draw)}" for k, v in value.items()]
        body = "{", "}"
    elif isinstance(value, list):
        parts = [written(item, draw) for item in value]
        body = "[", "]"
    else:
        return f"{draw(noise)}{json.dumps(value)}{draw(noise)}"
    trailing = "," if parts and draw(st.booleans()) else ""
    return f"{draw(noise)}{body[0]}{','.join(parts)}{draw(noise)}{trailing}{draw(noise)}{body[1]}{draw(noise)}"


@given(objects, st.data())
def test_comments_and_commas_change_nothing(value, data):
    assert jsonc.parse(written(value, data.draw)) == value


@given(objects, st.data())
def test_every_beginning_of_a_document_is_an_error(value, data):
    text = json.dumps(value)
    with pytest.raises(InvalidInput):
        jsonc.parse(text[: data.draw(st.integers(0, len(text) - 1))])
