"""The rules, names and files of a bucket's mount."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils import gcsfuse
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from hypothesis import given
from hypothesis import strategies as st


def mount(**more: t.Any) -> dict[str, t.Any]:
    """A mount as the module's defaults leave it."""
    plain = {
        "bucket": "team-data",
        "path": "/srv/gcs/data",
        "state": "present",
        "user": "dev",
        "uid": None,
        "gid": None,
    }
    modes = {"file_mode": "0644", "dir_mode": "0755", "only_dir": "", "read_only": False, "implicit_dirs": True}
    limits = {"metadata_ttl": 60, "negative_ttl": 5, "file_cache_mb": 0, "options": {}}
    return {**plain, **modes, **limits, **more}


@pytest.mark.parametrize(
    "bucket", ["abc", "team-data", "a_b", "example.com", "my-google-data", "0" * 63, ".".join(["a" * 60] * 3)]
)
def test_a_bucket_that_can_exist_is_taken(bucket: str) -> None:
    gcsfuse.check([mount(bucket=bucket)], "", {})


@pytest.mark.parametrize(
    "bucket",
    [
        *(None, "", "ab", "Team", "gs://team", "team/data", "-team", "team-", "te am", "a..b", "a.-b", "10.0.0.1"),
        *("%n", "team\n", "a" * 64, ".".join(["a" * 60] * 4)),
    ],
)
def test_what_is_no_bucket_is_refused(bucket: str | None) -> None:
    with pytest.raises(InvalidInput, match=r"^mounts: .* for /srv/gcs/data is no bucket's name; .* without gs://"):
        gcsfuse.check([mount(bucket=bucket)], "", {})


@pytest.mark.parametrize(
    "path", ["srv", "/", "", "/srv/", "/srv//x", "/srv/../etc", "/srv/.", "/srv/a b", "/srv/%h", "/a\n"]
)
def test_what_is_no_plain_path_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput, match=r"is no plain absolute path; start with /"):
        gcsfuse.check([mount(path=path)], "", {})


@pytest.mark.parametrize(
    "path", ["/home", "/srv", "/etc", "/etc/x", "/usr/local/data", "/proc/self", "/run/x", "/dev/shm"]
)
def test_the_systems_own_folders_are_refused(path: str) -> None:
    with pytest.raises(InvalidInput, match=f"^mounts: {path} belongs to the system; mount below /srv"):
        gcsfuse.check([mount(path=path)], "", {})


@pytest.mark.parametrize("path", ["/srv/x", "/home/dev/.data", "/etcetera/x", "/mnt/..x", "/data"])
def test_other_paths_are_taken(path: str) -> None:
    gcsfuse.check([mount(path=path)], "", {})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"user": ""}, "mounts: /srv/gcs/data has no owner; name the account in user, or a number in uid"),
        ({"file_mode": "644x"}, "mounts: file_mode 644x of /srv/gcs/data is no mode"),
        ({"dir_mode": "420"}, None),
        ({"dir_mode": "1755"}, "mounts: dir_mode 1755 of /srv/gcs/data is no mode"),
        ({"metadata_ttl": -2}, "mounts: metadata_ttl -2 of /srv/gcs/data is too small; give -1 or more"),
        ({"file_cache_mb": -1}, "mounts: file_cache_mb -1 of /srv/gcs/data is too small; give 0 or more"),
        ({"uid": -1}, "mounts: uid -1 of /srv/gcs/data is too small; give 0 or more"),
        ({"only_dir": "/a"}, "mounts: only_dir /a of /srv/gcs/data is no folder of a bucket"),
        ({"only_dir": "a/../b"}, "mounts: only_dir a/../b of /srv/gcs/data is no folder of a bucket"),
        ({"user": "", "uid": 0}, None),
    ],
)
def test_each_option_has_its_sentence(more: dict[str, t.Any], said: str | None) -> None:
    if said is None:
        gcsfuse.check([mount(**more)], "", {})
        return
    with pytest.raises(InvalidInput) as caught:
        gcsfuse.check([mount(**more)], "", {})
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (["/srv/a", "/srv/b", "/srv/a"], "mounts: /srv/a is named twice"),
        (["/srv/a/b", "/srv/a"], "mounts: /srv/a/b lies within /srv/a"),
    ],
)
def test_mounts_that_are_in_each_others_way(paths: list[str], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        gcsfuse.check([mount(path=path) for path in paths], "", {})
    gcsfuse.check([mount(path=path) for path in ("/srv/a", "/srv/a-b", "/srv/ab")], "", {})


@pytest.mark.parametrize("endpoint", ["storage.googleapis.com", "ftp://x", "http://", "http://a b", "https://x/a b"])
def test_an_endpoint_has_a_scheme(endpoint: str) -> None:
    with pytest.raises(InvalidInput, match=r"^endpoint: .* is no URL; write scheme and host"):
        gcsfuse.check([], endpoint, {})


@pytest.mark.parametrize("environment", [{"A B": "x"}, {"": "x"}, {"A": "x\ny"}, {"A=B": "x"}])
def test_a_variable_has_a_name_and_one_line(environment: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match=r"^environment: .* is no variable of one line"):
        gcsfuse.check([], "", environment)


def test_absent_needs_no_more_than_the_path() -> None:
    gcsfuse.check([mount(state="absent", bucket=None, user="")], "", {})


_PART = st.text("ab-.", min_size=1, max_size=4).filter(lambda part: part not in (".", "..") and part[0] != "-")
_PATHS = st.lists(_PART, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


@given(_PATHS, _PATHS)
def test_no_two_paths_share_a_name(one: str, other: str) -> None:
    assert (gcsfuse.slug(one) == gcsfuse.slug(other)) == (one == other)
    assert "/" not in gcsfuse.slug(one)


def options(given: dict[str, t.Any], endpoint: str = "", key: str = "", anonymous: bool = False) -> dict[str, t.Any]:
    """The configuration file, read as JSON."""
    text = gcsfuse.config_text(gcsfuse.config(given, (1000, 1001), endpoint, key, anonymous))
    return t.cast("dict[str, t.Any]", json.loads(text.split("\n", 1)[1]))


def test_the_configuration_of_a_plain_mount() -> None:
    assert options(mount()) == {
        "file-system": {
            **{"uid": 1000, "gid": 1001, "file-mode": "0644", "dir-mode": "0755"},
            "fuse-options": ["allow_other"],
        },
        "implicit-dirs": True,
        "metadata-cache": {"ttl-secs": 60, "negative-ttl-secs": 5},
        "logging": {"format": "text"},
    }


def test_what_is_asked_for_is_in_it_and_the_users_own_keys_win() -> None:
    asked = {"file-system": {"temp-dir": "/var/tmp"}, "logging": {"format": "json"}, "enable-hns": True}
    found = options(
        mount(read_only=True, only_dir="a/b", file_cache_mb=10, options=asked), "http://10.0.0.1:4443", "/root/k.json"
    )
    assert found["file-system"]["fuse-options"] == ["allow_other", "ro"]
    assert (found["file-system"]["temp-dir"], found["file-system"]["uid"]) == ("/var/tmp", 1000)
    assert (found["only-dir"], found["logging"]["format"], found["enable-hns"]) == ("a/b", "json", True)
    assert (found["cache-dir"], found["file-cache"]) == ("/var/cache/gcsfuse/srv-gcs-data", {"max-size-mb": 10})
    assert found["gcs-auth"] == {"key-file": "/root/k.json"}


@pytest.mark.parametrize(
    ("endpoint", "whole"),
    [
        ("http://10.0.0.1:4443", "http://10.0.0.1:4443/storage/v1/"),
        ("https://storage-x.p.googleapis.com/", "https://storage-x.p.googleapis.com/storage/v1/"),
        ("https://proxy.example/gcs/v1/", "https://proxy.example/gcs/v1/"),
    ],
)
def test_an_endpoint_is_the_json_apis(endpoint: str, whole: str) -> None:
    found = options(mount(), endpoint, anonymous=True)
    assert found["gcs-connection"] == {"custom-endpoint": whole}
    assert (found["enable-hns"], found["gcs-auth"]) == (False, {"anonymous-access": True})


def test_the_service() -> None:
    given = mount(path="/srv/gcs/team-data", file_cache_mb=1)
    text = gcsfuse.unit_text(given, "/usr/bin/gcsfuse", {"https_proxy": 'http://a%b"c\\d'})
    command = (
        "/usr/bin/gcsfuse --foreground --config-file=/etc/gcsfuse/srv-gcs-team--data.yaml team-data /srv/gcs/team-data"
    )
    for line in (
        f"ExecStart={command}",
        "After=network-online.target",
        "RequiresMountsFor=/srv/gcs",
        'Environment="https_proxy=http://a%%b\\"c\\\\d"',
        "CacheDirectory=gcsfuse/srv-gcs-team--data",
    ):
        assert line in text.splitlines()
    assert "CacheDirectory" not in gcsfuse.unit_text(mount(), "/usr/bin/gcsfuse", {})
    assert "RequiresMountsFor=/\n" in gcsfuse.unit_text(mount(path="/data"), "/usr/bin/gcsfuse", {})
