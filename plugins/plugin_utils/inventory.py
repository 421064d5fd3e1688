# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the inventories of every cloud do alike: options, cache, and machines to hosts, groups and variables."""

from __future__ import annotations

import abc
import functools
import re
import typing as t
from pathlib import Path

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import WorkspaceError
from ansible_collections.devcontainer.cloud.plugins.module_utils.fleet import SystemClock
from ansible_collections.devcontainer.cloud.plugins.plugin_utils import cache as caching
from ansible_collections.devcontainer.cloud.plugins.plugin_utils import grouping
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.expressions import compile_once
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.naming import host_names
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.reach import Reach, reach_of
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.record import Found
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.sources import Answer


class WorkspaceInventory(BaseInventoryPlugin, Constructable, Cacheable):
    """A provider's plugin gives ``NAME``, ``provider`` and the abstract methods."""

    provider: t.ClassVar[str]
    #: Options whose values may be templates, such as a lookup of an environment variable.
    TEMPLATED: t.ClassVar[tuple[str, ...]] = ("bastion", "ssh_directory")

    @abc.abstractmethod
    def check(self) -> None:
        """Read and check the provider's own options, calling nobody. Raises InvalidInput."""

    @abc.abstractmethod
    def decides(self) -> dict[str, t.Any]:
        """Everything that decides the answer, for the cache's key."""

    @abc.abstractmethod
    def ask(self) -> Answer:
        """Ask the cloud. Raises WorkspaceError where no source can be asked at all."""

    @abc.abstractmethod
    def account_groups(self) -> str:
        """How the groups by account begin; empty for no such groups."""

    def reach(self, ssh_directory: str) -> Reach:
        """How hosts are reached, by the options; ``ssh_directory`` is absolute. Raises InvalidInput."""
        return reach_of(
            self.get_option("connection"), self.option("bastion") or "", self.get_option("address"), ssh_directory
        )

    def verify_file(self, path: str) -> bool:
        """Any YAML file that names this plugin, or of which only a vault password can tell."""
        if not super().verify_file(path) or not path.endswith((".yml", ".yaml")):
            return False
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        name = rf"""["']?plugin["']?\s*:\s*["']?{re.escape(self.NAME)}(?![\w.-])"""
        return text.startswith("$ANSIBLE_VAULT") or re.search(name, text) is not None

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        """Entry point of ansible-core."""
        super().parse(inventory, loader, path)
        config = self._read_config_data(path)
        self.templar.available_variables = self._vars
        self._name_unknown(config)
        try:
            reach = self.reach(self._ssh_directory(path))
            self.check()
            machines = self._machines(cache)
        except WorkspaceError as error:
            raise AnsibleParserError(str(error)) from error
        self._populate(machines, reach)

    def option(self, name: str) -> t.Any:
        """An option's value; a template in one of ``TEMPLATED`` is resolved."""
        value = self.get_option(name)
        return self.templar.template(value) if name in self.TEMPLATED else value

    def warn(self, sentence: str) -> None:
        """A warning that says whose it is."""
        self.display.warning(f"{self.NAME}: {sentence}")

    def _name_unknown(self, config: t.Mapping[str, t.Any]) -> None:
        """ansible-core reads past an option that does not exist, and a typing error would go unseen."""
        known = set(self.option_definitions)
        for definition in self.option_definitions.values():
            known.update(definition.get("aliases") or ())
        for name in sorted(str(key) for key in config if key not in known):
            self.warn(f"{name}: there is no such option; correct it, or leave it out")

    def _ssh_directory(self, path: str) -> str:
        return str((Path(path).parent / Path(str(self.option("ssh_directory"))).expanduser()).resolve())

    def _machines(self, cache: bool) -> list[Found]:
        """From the cache where it holds them, else from the cloud. ``cache`` is false for --flush-cache and such."""
        key = caching.cache_key(self.NAME, self.decides()) if self.get_option("cache") else ""
        if key and cache:
            try:
                machines = caching.from_cache(self.provider, self.cache[key])
            except KeyError:  # never stored, or too old
                machines = None
            if machines is not None:
                return machines
        answer = self.ask()
        sentences = list(dict.fromkeys(str(failure) for failure in answer.failures))
        if sentences and (self.get_option("on_error") == "fail" or not answer.answered):
            raise WorkspaceError("; ".join(sentences))
        for sentence in sentences:
            self.warn(f"{sentence}; its machines are missing here, those of the other sources stand")
        # What a partial answer lacks would stay away for as long as the cache lives.
        if key and not sentences:
            self.cache[key] = caching.to_cache(answer.machines)
        return answer.machines

    def _populate(self, machines: list[Found], reach: Reach) -> None:
        """Machines to hosts. All that depends on the clock or on names is decided here, never cached."""
        names, sentences = host_names(machines, self._elsewhere())
        for sentence in sentences:
            self.warn(sentence)
        now = SystemClock().now()
        by_account = self.account_groups()
        safe = functools.cache(self._sanitize_group_name)
        compile_once(self.templar)
        inventory = self.inventory
        for group in grouping.always(self.get_option("include_unmanaged")):
            inventory.add_group(group)
        for found in grouping.in_order(machines):
            host = names[found.machine.id]
            inventory.add_host(host)
            for name, value in {**reach.variables(found), **found.variables()}.items():
                inventory.set_variable(host, name, value)
            for group in grouping.groups_of(found, now, by_account):
                inventory.add_child(inventory.add_group(safe(group)), host)
            self._construct(host)

    def _construct(self, host: str) -> None:
        """The stock options of constructed inventories, by ansible-core's own methods."""
        strict = self.get_option("strict")
        compose, groups, keyed = (self.get_option(name) for name in ("compose", "groups", "keyed_groups"))
        if compose:
            self._set_composite_vars(compose, self.inventory.get_host(host).get_vars(), host, strict=strict)
        # These two see the host's variables as they are by then, composed ones included.
        self._add_host_to_composed_groups(groups, {}, host, strict=strict)
        self._add_host_to_keyed_groups(keyed, {}, host, strict=strict)

    def _elsewhere(self) -> dict[str, str]:
        """Machines that other sources of this run gave: host name -> id."""
        found: dict[str, str] = {}
        for name, host in self.inventory.hosts.items():
            for variable in ("workspace", self.provider):
                value = host.vars.get(variable)
                if isinstance(value, t.Mapping) and value.get("id"):
                    found[name] = str(value["id"])
        return found
