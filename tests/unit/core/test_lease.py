"""decide(): every rule of the reaper as a row."""

from __future__ import annotations

import datetime as dt

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils.lease import Policy, decide
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Observed, identity
from hypothesis import given
from hypothesis import strategies as st

NOW = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.timezone.utc)
PAST, LATER = "2026-11-24T11:00:00Z", "2026-11-24T13:00:00Z"
HOUR_AGO = NOW - dt.timedelta(hours=1)


def workspace(state="running", ours=True, **labels):
    given = {key.replace("_", "-"): value for key, value in labels.items()}
    return Observed("i-1", state, ours, labels={**identity("a"), **given})


@pytest.mark.parametrize(
    ("seen", "policy", "since", "action", "words"),
    [
        (workspace(), Policy(), None, "leave", "no lease"),
        (workspace(lease_until=LATER), Policy(), None, "leave", "13:00"),
        (workspace(lease_until=PAST), Policy(), None, "stop", "lease ended"),
        (workspace(lease_until=PAST), Policy(grace=7200), None, "leave", "13:00"),
        (workspace(lease_until="soon"), Policy(), None, "stop", "cannot be read"),
        (workspace(lease_until=LATER), Policy(max_lifetime=600), HOUR_AGO, "stop", "longest lifetime"),
        (workspace(lease_until=PAST, ours=False), Policy(), None, "leave", "not a workspace of ours"),
        (workspace(lease_until=PAST, keep=f"{LATER} release day"), Policy(), None, "leave", "release day"),
        (workspace(lease_until=PAST, keep=f"{PAST} release day"), Policy(), None, "stop", "lease ended"),
        (workspace(lease_until=PAST, keep="for ever"), Policy(), None, "stop", "lease ended"),
        (workspace("stopped", expires_at=PAST), Policy(), None, "delete", "expired"),
        (workspace("suspended", expires_at=PAST), Policy(), None, "delete", "expired"),
        (workspace("stopped", expires_at=LATER), Policy(), None, "leave", "13:00"),
        (workspace("stopped", expires_at="soon"), Policy(), None, "leave", "cannot be read"),
        (workspace("stopped"), Policy(retention=60), HOUR_AGO, "delete", "expired"),
        (workspace("stopped"), Policy(retention=60), None, "leave", "nothing says"),
        (workspace("stopped"), Policy(), HOUR_AGO, "leave", "nothing says"),
        (workspace("stopped", expires_at=PAST, keep=f"{LATER} x"), Policy(), None, "leave", "kept until"),
        (workspace("pending", lease_until=PAST), Policy(), None, "leave", "pending"),
    ],
)
def test_rules(seen, policy, since, action, words):
    decision = decide(seen, policy, NOW, since)
    assert decision.action == action and words in decision.reason


@given(
    st.sampled_from(["running", "stopped", "suspended", "pending", "stopping", "failed"]),
    st.dictionaries(st.sampled_from(["lease-until", "expires-at", "keep"]), st.sampled_from([PAST, LATER, "x", ""])),
    st.booleans(),
    st.none() | st.integers(1, 7200),
)
def test_never_deletes_what_runs_and_never_touches_what_is_not_ours(state, labels, ours, limit):
    seen = Observed("i-1", state, ours, labels={**identity("a"), **labels})
    decision = decide(seen, Policy(max_lifetime=limit, retention=limit), NOW, HOUR_AGO)
    assert ours or decision.action == "leave"
    assert decision.action != "delete" or state in ("stopped", "suspended")
    assert decision.action != "stop" or state == "running"
