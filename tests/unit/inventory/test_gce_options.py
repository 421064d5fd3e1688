"""Options of the inventory gce that cannot be meant: one sentence each, before anybody is called."""

from __future__ import annotations

import json
import os

import pytest
import yaml
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader
from ansible_collections.devcontainer.cloud.plugins.plugin_utils import cache, gce_sources

from tests.sandbox.gce import Api
from tests.unit.inventory.gce_project import ZONE_B, Projects, instance, page

TOKEN = {"GCP_ACCESS_TOKEN": "ya29.test", "GCP_PROJECT": "p-one"}
VARIABLES = ("GCP_", "GOOGLE_", "GCE_", "CLOUDSDK_")


class Parser:
    """Parses files of options in this process, over projects whose sessions nobody can be called through."""

    def __init__(self, monkeypatch, folder):
        self.monkeypatch, self.folder = monkeypatch, folder
        self.session = Projects(p_one=[page(instance(1, "api-ada"))])
        self.credentials = None

    def __call__(self, options, env=None):
        for name, value in {**TOKEN, **(env or {})}.items():
            self.monkeypatch.setenv(name, value) if value else self.monkeypatch.delenv(name, raising=False)
        path = self.folder / "some.yml"
        path.write_text(yaml.safe_dump({"plugin": "devcontainer.cloud.gce", **options}))
        self.plugin = inventory_loader.get("devcontainer.cloud.gce")
        assert self.plugin.verify_file(str(path))
        inventory = InventoryData()
        self.plugin.parse(inventory, DataLoader(), str(path))
        return inventory

    def key(self, options, env=None):
        """The cache's key of an inventory."""
        self(options, env)
        return cache.cache_key(self.plugin.NAME, self.plugin.decides())


@pytest.fixture
def parse(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith(VARIABLES):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    parser = Parser(monkeypatch, tmp_path)

    def connect(credentials, _connections):
        parser.credentials = credentials
        return parser.session

    monkeypatch.setattr(gce_sources, "connect", connect)
    monkeypatch.setattr(gce_sources, "sign_in", lambda credentials: None)
    return parser


KEY = {"service_account_file": "/nowhere/key.json"}


@pytest.mark.parametrize(
    ("options", "env", "words"),
    [
        ({}, {"GCP_PROJECT": ""}, "projects: it is empty, and the credentials name no project; give projects, or"),
        ({"projects": ["My Project"]}, {}, "projects: 'My Project' is no project's id; write for example my-project"),
        ({"project": "x/y"}, {}, "project: 'x/y' is no project's id"),
        ({}, {"GCP_PROJECT": "x/y"}, "project: 'x/y' is no project's id"),
        ({"regions": ["europe-west3-a"]}, {}, "regions: 'europe-west3-a' is no region; write for example europe-west3"),
        ({"regions": ["all"]}, {}, "regions: 'all' is no region"),
        ({"zones": ["europe-west3"]}, {}, "zones: 'europe-west3' is no zone; write for example europe-west3-a"),
        ({"states": []}, {}, "states: it is empty; name at least one"),
        ({"filters": ["name eq web.*"]}, {}, "filters: 'name eq web.*' is of the kind with regular expressions"),
        ({"filters": ["(status ne X)"]}, {}, "is of the kind with regular expressions, which cannot be mixed"),
        ({"filters": ["a = b) OR (c = d"]}, {}, "has a parenthesis or quote without its other half; close it"),
        ({"filters": ['a = "b']}, {}, "has a parenthesis or quote without its other half; close it"),
        ({"filters": [""]}, {}, "filters: '' is no expression; write for example 'labels.env = prod'"),
        ({"api_endpoint": "ftp://x"}, {}, "api_endpoint: 'ftp://x' is no address; write for example https://compute"),
        ({"api_endpoint": "http://a/b?c"}, {}, "api_endpoint: 'http://a/b?c' is no address"),
        ({"auth_kind": "accesstoken"}, {"GCP_ACCESS_TOKEN": ""}, "access_token: it is empty and auth_kind is 'access"),
        ({"auth_kind": "serviceaccount"}, {}, "service_account_file: auth_kind 'serviceaccount' wants it or"),
        (KEY, {}, "service_account_file: '/nowhere/key.json' cannot be read (No such file or directory)"),
        ({"service_account_contents": "{}"}, {}, "service_account_contents, service_account_file: no usable key"),
        ({"service_account_contents": "sesame"}, {}, "service_account_contents: it is no service account's key"),
        ({"bastion": "b.example"}, {}, "bastion: 'b.example' is not used by connection: direct"),
        ({"bastion": "b", "connection": "iap"}, {}, "bastion: 'b' is not used by connection: iap"),
        ({"connection": "bastion"}, {}, "bastion: it is empty; connection: bastion needs one"),
        ({"connection": "iap", "address": "private"}, {}, "address: 'private' is not used by connection: iap"),
        ({"ssh_user": "oslogin"}, {}, "os_login_user: it is empty; ssh_user: oslogin needs the POSIX user name"),
        ({"os_login_user": "ada"}, {}, "os_login_user: 'ada' is not used by ssh_user: contract; set ssh_user: oslogin"),
        ({"ssh_directory": 'a"b'}, {}, "holds a quote, backslash, % or line break; choose another folder"),
    ],
)
def test_one_sentence_before_any_call(parse, options, env, words):
    with pytest.raises(AnsibleParserError) as caught:
        parse(options, env)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "sesame" not in str(caught.value)
    assert not parse.session.asked


def test_one_sentence_without_google_auth(parse, monkeypatch):
    plugin = inventory_loader.get("devcontainer.cloud.gce")
    monkeypatch.setitem(plugin.check.__globals__, "HAS_GOOGLE_AUTH", False)
    with pytest.raises(AnsibleParserError, match="needs the Python packages google-auth and requests; install them"):
        parse({})


@pytest.mark.parametrize(
    ("options", "projects"),
    [
        ({}, ["p-one"]),
        ({"project": "p-two"}, ["p-two"]),
        ({"projects": ["p-two", "p-one", "p-two"]}, ["p-one", "p-two"]),
        ({"projects": ["{{ 'p-' ~ 'two' }}"], "project": "p-one"}, ["p-two"]),
    ],
)
def test_which_projects_are_asked(parse, options, projects):
    parse.session.projects["p-two"] = [page()]
    parse(options)
    assert sorted(project for project, _asked in parse.session.asked) == projects


def test_projects_are_groups_where_there_are_several(parse):
    parse.session.projects["p-two"] = [page(instance(2, "api-bob"))]
    assert not [name for name in parse({}).groups if name.startswith("project_")]
    groups = parse({"projects": ["p-one", "p-two"]}).groups
    assert [host.name for host in groups["project_p_two"].hosts] == ["api-bob"]


def test_everything_that_can_be_meant(parse, tmp_path):
    inventory = parse(
        {
            "regions": ["europe-west3"],
            "zones": [ZONE_B],
            "filters": ['labels.env = "it\'s (ok" OR name : *'],
            "api_endpoint": "https://compute-psc.p.googleapis.com",
            "connection": "bastion",
            "bastion": "jump@10.0.0.1:22",
            "ssh_user": "oslogin",
            "os_login_user": "{{ 'ada' }}_example_com",
            "include_unmanaged": True,
        }
    )
    (host,) = inventory.hosts.values()
    assert host.vars["ansible_user"] == "ada_example_com"
    assert host.vars["ansible_host"] == "10.0.0.1"


def test_the_default_states_are_all_but_the_last_one(parse):
    parse({})
    ((_project, asked),) = parse.session.asked
    words = set(asked["filter"].replace('"', " ").split())
    assert {"RUNNING", "TERMINATED", "SUSPENDED", "STOPPED", "PENDING_STOP"} <= words
    assert "DEPROVISIONING" not in words


def test_a_key_as_a_dict_and_impersonation(parse):
    key = Api().seed()["service_account_key"]
    parse({"service_account_contents": key, "impersonate_service_account": "reader@p-one.iam.gserviceaccount.com"})
    assert parse.credentials.service_account_email == "reader@p-one.iam.gserviceaccount.com"
    assert parse.credentials._source_credentials.service_account_email == key["client_email"]


@pytest.mark.parametrize(
    ("options", "env"),
    [
        ({"projects": ["p-one", "p-two"]}, {}),
        ({"regions": ["europe-west3"]}, {}),
        ({"zones": [ZONE_B]}, {}),
        ({"states": ["RUNNING"]}, {}),
        ({"filters": ["labels.a = b"]}, {}),
        ({"include_unmanaged": True}, {}),
        ({"api_endpoint": "https://compute-psc.p.googleapis.com"}, {}),
        ({}, {"GCP_ACCESS_TOKEN": "ya29.other"}),
        ({}, {"GOOGLE_CLOUD_PROJECT": "p-two"}),
    ],
)
def test_what_decides_the_answer_decides_the_caches_key(parse, options, env):
    parse.session.projects["p-two"] = [page()]
    usual = parse.key({})
    assert parse.key({}) == parse.key({"connection": "iap", "strict": True}) == usual
    assert parse.key(options, env) != usual


def test_other_default_credentials_are_another_key(parse, tmp_path, monkeypatch):
    monkeypatch.setattr(gce_sources, "credentials", lambda who: (None, "p-one"))
    before = parse.key({}, {"GCP_ACCESS_TOKEN": ""})
    folder = tmp_path / ".config" / "gcloud"
    folder.mkdir(parents=True)
    (folder / "application_default_credentials.json").write_text(json.dumps({"type": "authorized_user"}))
    after = parse.key({}, {"GCP_ACCESS_TOKEN": ""})
    (folder / "active_config").write_text("work")
    assert len({before, after, parse.key({}, {"GCP_ACCESS_TOKEN": ""})}) == 3


@pytest.mark.parametrize("name", ["gce.yml", "a.yaml", "gcp_compute.yml"])
def test_any_yaml_file_that_names_the_plugin(tmp_path, name):
    path = tmp_path / name
    path.write_text('# of ours\n"plugin" : "devcontainer.cloud.gce"  # this one\n')
    assert inventory_loader.get("devcontainer.cloud.gce").verify_file(str(path))
    path.write_text("plugin: devcontainer.cloud.gce_other\n")
    assert not inventory_loader.get("devcontainer.cloud.gce").verify_file(str(path))
