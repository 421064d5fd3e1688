"""Expressions that are compiled once: nothing but the time may tell them from ansible-core's own way."""

from __future__ import annotations

import itertools

import pytest
from ansible import errors
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable
from ansible.template import trust_as_template
from ansible_collections.devcontainer.cloud.plugins.plugin_utils import expressions
from hypothesis import given, settings
from hypothesis import strategies as st

#: Hosts that differ in whatever an expression may look at; `trap` is a template that nobody trusts.
HOSTS = {
    "a": {"kind": "web", "count": 1, "tags_": {"role": "db", "empty": "", "none": None}, "list_": ["x", "", None]},
    "b": {"kind": "", "count": 0, "tags_": {}, "list_": []},
    "c": {"kind": None, "trap": "{{ 1 + 1 }}", "nested": trust_as_template("{{ kind or 'nobody' }}-{{ extra }}")},
    "d": {"kind": "we-b/1", "count": 2, "tags_": {"role": "a b"}, "list_": ["y", 3], "nested": "plain"},
    "e": {},
}
EXTRA = {"extra": "from -e", "count": 7}
#: What an expression can be: good, failing for some hosts or for all, omitted, nested, untrusted, and no text at all.
EXPRESSIONS = [
    "kind",
    "kind | default('none', true) | upper",
    "count + 1",
    "count > 0",
    "count is defined",
    "tags_",
    "tags_.role",
    "tags_['none']",
    "list_",
    "list_ | first",
    "nested",
    "nested | length",
    "trap",
    "trap ~ '!'",
    "'{{ kind }}'",
    "omit",
    "[1, omit]",
    "missing",
    "missing.deeper | default('d')",
    "kind in ['web', 'db']",
    "inventory_hostname",
    "group_names",
    "extra | default(kind)",
    "lookup('ansible.builtin.vars', 'kind', default='nothing')",
    "undef(hint='said so')",
    "1 / 0",
    "kind | no_such_filter",
    "kind |",
    "{{ kind }}",
    " kind == 'web' ",
    "'a\\nb' ~ kind",
    "true",
    "",
    "none",
    "{'k': kind, 'e': ''}",
    "{}",
]
TEXTS = [trust_as_template(text) for text in EXPRESSIONS] + ["kind", "count > 0", True, None, 3]
KEYED = {
    "prefix": [None, "p", ""],
    "separator": [None, "", "-"],
    "default_value": [None, "dflt"],
    "trailing_separator": [None, False],
}
PARENTS = [None, "parent", trust_as_template("{{ kind }}"), trust_as_template("{{ missing }}"), "{{ kind }}"]


class Plugin(BaseInventoryPlugin, Constructable):
    NAME = "probe"

    def __init__(self, once, **options):
        super().__init__()
        self._chosen = {"use_extra_vars": False, "leading_separator": True, **options}
        self.loader, self.inventory, self._vars = DataLoader(), InventoryData(), dict(EXTRA)
        if once:
            assert expressions.compile_once(self.templar)

    def get_option(self, option, hostvars=None):
        return self._chosen[option]


def outcome(once, compose=None, groups=None, keyed=None, strict=False, **options):
    """Groups and variables, or what was raised: everything that a user could tell apart."""
    plugin = Plugin(once, **options)
    seen = []
    for name, variables in HOSTS.items():
        plugin.inventory.add_host(name)
        for key, value in variables.items():
            plugin.inventory.set_variable(name, key, value)
        try:
            host = plugin.inventory.get_host(name)
            plugin._set_composite_vars(compose, host.get_vars(), name, strict=strict)
            plugin._add_host_to_composed_groups(groups, {}, name, strict=strict)
            plugin._add_host_to_keyed_groups(keyed, {}, name, strict=strict)
        except Exception as error:
            seen.append((name, chain(error)))
    groups = {
        name: ([h.name for h in group.hosts], [g.name for g in group.child_groups])
        for name, group in plugin.inventory.groups.items()
    }
    variables = {name: {k: described(v) for k, v in host.vars.items()} for name, host in plugin.inventory.hosts.items()}
    return groups, variables, seen


def chain(error):
    """An exception with its causes: class, text, and how the text is shown."""
    found = []
    while error is not None:
        found.append((type(error), str(error), getattr(error, "message", None), repr(getattr(error, "obj", None))))
        error = error.__cause__
    return found


def described(value):
    """A value with its exact type and whether anybody would template it again."""
    if isinstance(value, dict):
        return type(value), {key: described(item) for key, item in value.items()}
    if isinstance(value, list):
        return type(value), [described(item) for item in value]
    from ansible.template import is_trusted_as_template

    return type(value), value, is_trusted_as_template(value)


def both(**how):
    assert outcome(True, **how) == outcome(False, **how)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("text", TEXTS, ids=repr)
def test_every_expression_in_every_place(text, strict):
    both(compose={"made": text}, strict=strict)
    both(groups={"in it-1": text}, strict=strict)
    both(keyed=[{"key": text}], strict=strict)
    both(compose={"kind": text, "again": text}, groups={"g": text}, keyed=[{"key": text, "prefix": "p"}], strict=strict)


@pytest.mark.parametrize("key", ["kind", "tags_", "list_", "count", "nested", "missing"])
@pytest.mark.parametrize("strict", [False, True])
def test_every_kind_of_keyed_group(key, strict):
    parents = itertools.cycle(PARENTS)
    for values in itertools.product(*KEYED.values()):
        entry = dict(zip((*KEYED, "parent_group"), (*values, next(parents))))
        keyed = [{"key": trust_as_template(key), **{k: v for k, v in entry.items() if v is not None}}]
        # The number of the values and the number of parents share no divisor: each pair comes up.
        other = {"leading_separator": False, "use_extra_vars": True} if values[0] is None else {}
        both(keyed=keyed, strict=strict, **other)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_mixture(data):
    text = st.sampled_from(TEXTS)
    both(
        compose=data.draw(st.dictionaries(st.sampled_from(["kind", "m", "n"]), text, max_size=3)),
        groups=data.draw(st.dictionaries(st.sampled_from(["g", "h-1"]), text, max_size=2)),
        keyed=data.draw(st.lists(st.fixed_dictionaries({"key": text}), max_size=2)),
        strict=data.draw(st.booleans()),
        use_extra_vars=data.draw(st.booleans()),
    )


def counted(monkeypatch, plugin):
    """How often ansible-core is really asked to compile an expression."""
    calls = []
    environment = plugin.templar._engine.environment
    compile_ = environment.compile_expression
    monkeypatch.setattr(environment, "compile_expression", lambda *args: calls.append(args[0]) or compile_(*args))
    return calls


@pytest.mark.parametrize(("once", "compiled"), [(True, 1), (False, 10)])
def test_it_is_compiled_once(monkeypatch, once, compiled):
    plugin = Plugin(once)
    calls = counted(monkeypatch, plugin)
    for number in range(10):
        plugin.inventory.add_host(f"h{number}")
        plugin._set_composite_vars({"made": trust_as_template("n + 1")}, {"n": number}, f"h{number}", strict=True)
    assert [plugin.inventory.get_host(f"h{n}").vars["made"] for n in range(10)] == list(range(1, 11))
    assert len(calls) == compiled


def test_one_text_in_two_meanings():
    """As an expression, as a condition (no backslash escapes) and as a template the same text is three things."""
    both(
        compose={"a": trust_as_template("'x\\n' == kind"), "b": trust_as_template("kind")},
        groups={"g": trust_as_template("'x\\n' == kind")},
        keyed=[{"key": trust_as_template("kind"), "parent_group": trust_as_template("kind")}],
    )


def test_a_text_that_nobody_trusts_stays_so_beside_its_trusted_twin():
    plugin = Plugin(True)
    plugin.templar.available_variables = {"n": 1}
    assert plugin.templar.evaluate_expression(trust_as_template("n + 1")) == 2
    with pytest.raises(errors.AnsibleError, match="untrusted"):
        plugin.templar.evaluate_expression("n + 1")


class Engine:
    def _compile_expression(self, expression, options): ...

    def _compile_template(self, template, options): ...


class OtherParameters(Engine):
    def _compile_expression(self, expression, options, more): ...


class Gone:
    def _compile_expression(self, expression, options): ...


class Slots:
    __slots__ = ()

    _compile_expression = Engine._compile_expression
    _compile_template = Engine._compile_template


class Holder:
    def __init__(self, engine):
        self._engine = engine


@pytest.mark.parametrize("engine", [OtherParameters(), Gone(), Slots(), None], ids=lambda e: type(e).__name__)
def test_other_insides_are_left_alone(engine):
    before = dict(vars(engine)) if hasattr(engine, "__dict__") else None
    assert expressions.compile_once(Holder(engine)) is False
    assert before is None or vars(engine) == before


def test_no_engine_at_all():
    assert expressions.compile_once(object()) is False


def test_without_the_private_tags(monkeypatch):
    monkeypatch.setattr(expressions, "AnsibleTagHelper", None)
    assert expressions.compile_once(Holder(Engine())) is False


def test_options_that_are_no_key_are_compiled_each_time(monkeypatch):
    engine = Engine()
    engine_calls = []
    monkeypatch.setattr(Engine, "_compile_expression", lambda self, expression, options: engine_calls.append(1) or [1])
    assert expressions.compile_once(Holder(engine))
    for _again in range(2):
        assert engine._compile_expression("x", {}) == [1]
    assert len(engine_calls) == 2


def test_each_error_is_a_new_one():
    """An exception that is raised again would carry the last host's traceback and context along."""
    plugin = Plugin(True)
    plugin.templar.available_variables = {}
    raised = []
    for _host in range(2):
        with pytest.raises(errors.AnsibleError) as caught:
            plugin.templar.evaluate_expression(trust_as_template("kind |"))
        raised.append(caught.value)
    assert raised[0] is not raised[1]
    assert raised[0].__cause__ is not raised[1].__cause__


@pytest.mark.parametrize("text", ["missing.deeper", "kind |", "1 / 0", "kind"])
def test_an_error_names_its_own_place(tmp_path, text):
    """The same text in two places of a file, as the loader reads it."""
    path = tmp_path / "options.yml"
    path.write_text(f"compose:\n  a: {text}\n  b: {text}\nkeyed_groups:\n  - key: {text}\n")
    loaded = DataLoader().load_from_file(str(path), cache="none", trusted_as_template=True)
    for strict in (False, True):
        both(compose=loaded["compose"], keyed=loaded["keyed_groups"], strict=strict)
        both(keyed=loaded["keyed_groups"], strict=strict)
