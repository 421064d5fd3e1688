"""What botocore raises becomes one of our errors, whatever it is."""

from __future__ import annotations

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils import errors
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.ec2_errors import saying
from botocore.parsers import ResponseParserError


@pytest.mark.parametrize(("changes", "kind"), [(False, errors.Unreachable), (True, errors.Lost)])
def test_an_answer_that_is_not_the_services(changes, kind):
    with (
        pytest.raises(kind, match=r"^look: the answer is not the service's; check endpoint_url") as caught,
        saying("look", changes=changes),
    ):
        raise ResponseParserError("invalid XML received: <html>a proxy's page</html>")
    assert "html" not in str(caught.value)
