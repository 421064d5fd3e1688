# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Expressions compiled once for all hosts, where ansible-core would compile them anew for each.

Everything else stays ansible-core's: trust, undefined and omitted values, nested templates, errors. Only what the two
methods that compile a text return is remembered, on the templar of one plugin and for one run.
"""

from __future__ import annotations

import inspect
import typing as t

try:  # Private to ansible-core, so any of it may go: then expressions are merely slower.
    from ansible.module_utils._internal._datatag import AnsibleTagHelper
except ImportError:
    AnsibleTagHelper = None

_METHODS = {"_compile_expression": "expression", "_compile_template": "template"}


def compile_once(templar: t.Any) -> bool:
    """Let ``templar`` remember what it compiled; False, and nothing done, if this ansible-core has other insides."""
    engine = getattr(templar, "_engine", None)
    if AnsibleTagHelper is None or engine is None:
        return False
    methods = {name: getattr(engine, name, None) for name in _METHODS}
    for name, method in methods.items():
        if not inspect.ismethod(method) or list(inspect.signature(method).parameters) != [_METHODS[name], "options"]:
            return False
    try:
        for name, method in methods.items():
            setattr(engine, name, _remembering(method))
    except AttributeError:  # slots
        return False
    return True


def _remembering(compile_: t.Callable[[str, t.Any], t.Any]) -> t.Callable[[str, t.Any], t.Any]:
    known: dict[t.Any, t.Any] = {}

    def compiled(text: str, options: t.Any) -> t.Any:
        # The tags hold the text's trust and where it stands, which errors name; the options are frozen.
        key = (str(text), AnsibleTagHelper.tags(text), options)
        try:
            found = known.get(key)
        except TypeError:  # a tag or an option that cannot be a key
            return compile_(text, options)
        if found is None:
            found = compile_(text, options)
            # A text that does not compile gives a function that raises its one error: each host gets its own.
            if not inspect.isfunction(found):
                known[key] = found
        return found

    return compiled
