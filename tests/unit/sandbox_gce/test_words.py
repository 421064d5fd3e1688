"""Field masks, filters and stored state of the sandboxed Compute Engine, without a server."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sandbox.gce import document, errors, filters, masks, schema
from tests.sandbox.gce.store import Store

_NAMES = st.sampled_from(["a", "b", "c"])
_VALUES: st.SearchStrategy[t.Any] = st.recursive(
    st.integers(0, 3), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3)
)


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("a", {"a": {}}),
        ("a,b", {"a": {}, "b": {}}),
        ("a/b/c", {"a": {"b": {"c": {}}}}),
        ("a(b,c/d)", {"a": {"b": {}, "c": {"d": {}}}}),
        ("a/b,a/c", {"a": {"b": {}, "c": {}}}),
        ("a,a/b", {"a": {}}),
        ("a/b,a", {"a": {}}),
        ("a/*/b( c , d )", {"a": {"*": {"b": {"c": {}, "d": {}}}}}),
    ],
)
def test_masks(text: str, mask: masks.Mask) -> None:
    assert masks.parse(text) == mask


@pytest.mark.parametrize("text", ["", ",", "a,", "a(", "a()", "a)", "a/", "/a", "a b(", "a;b"])
def test_masks_that_are_none(text: str) -> None:
    with pytest.raises(errors.ApiError):
        masks.parse(text)


@given(_VALUES)
def test_a_mask_of_everything_changes_nothing(value: t.Any) -> None:
    assert masks.apply({}, value) == value


@given(st.dictionaries(_NAMES, _VALUES, max_size=3))
def test_masking_twice_is_masking_once(value: t.Any) -> None:
    mask = masks.parse("a/b,b,c/*/a")
    once = masks.apply(mask, value)
    assert masks.apply(mask, once) == once


@given(st.text(max_size=30))
def test_no_text_breaks_the_filters_or_masks(text: str) -> None:
    """Whatever a client sends, it is a filter or an ApiError."""
    for compiled in (lambda: filters.compile_filter(text, document.load(), "Instance"), lambda: masks.parse(text)):
        try:
            made = compiled()
        except errors.ApiError as refused:
            assert refused.code == 400
        else:
            assert not callable(made) or made({"name": "x"}) in (True, False)


def test_an_answer_is_held_against_its_schema() -> None:
    known = document.load()
    good = {"kind": "compute#instance", "id": "7", "status": "RUNNING", "labels": {"a": "b"}}
    assert schema.problems(known, "Instance", good) == []
    for bad in ({"id": 7}, {"id": "x"}, {"status": "RUN"}, {"colour": "red"}, {"labels": {"a": 1}}, {"disks": {}}):
        assert len(schema.problems(known, "Instance", bad)) == 1


def test_what_was_written_is_there_again(tmp_path: Path) -> None:
    first = Store(tmp_path)
    with first:
        first.put("a", "x", {"n": 1})
        first.put("a", "y", {"n": 2})
        first.put("a", "x", {"n": 3})
        first.remove("a", "y")
        first.remove("a", "none")
    first.close()
    assert Store(tmp_path).table("a") == {"x": {"n": 3}}
