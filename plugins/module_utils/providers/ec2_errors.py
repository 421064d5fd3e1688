# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""botocore's exceptions as ours: one place where an SDK's errors become sentences."""

from __future__ import annotations

import contextlib
import re
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import (
    CloudError,
    Denied,
    Lost,
    NoCapacity,
    Throttled,
    Unreachable,
)

try:
    from botocore import exceptions as boto
    from botocore.parsers import ResponseParserError
except ImportError:  # AnsibleAWSModule says so in a sentence
    boto = None

#: Codes of "not here, not now": another subnet or type may do. `Unsupported` is a type that a zone does not offer.
CAPACITY = frozenset(
    {
        "InsufficientInstanceCapacity",
        "InsufficientHostCapacity",
        "InsufficientReservedInstanceCapacity",
        "InsufficientFreeAddressesInSubnet",
        "InsufficientCapacity",
        "SpotMaxPriceTooLow",
        "Unsupported",
    }
)
THROTTLED = frozenset({"RequestLimitExceeded", "EC2ThrottledException", "Throttling", "ThrottlingException"})
DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
#: The service stumbled: a reading call is asked again, a changing one may have been carried out.
UNSURE = frozenset({"InternalError", "InternalFailure", "ServiceUnavailable", "Unavailable"})
_ENCODED = re.compile(r"\s*Encoded authorization failure message:.*", re.DOTALL)


@contextlib.contextmanager
def saying(what: str, changes: bool = False) -> t.Iterator[None]:
    """Run SDK calls; raise our errors, each beginning with ``what`` was being tried.

    ``changes`` says that the call changes something: without an answer it may have been carried out.
    """
    try:
        yield
    except boto.ClientError as error:
        raise _from_client_error(what, error, changes) from error
    except (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError) as error:
        raise Unreachable(
            f"{what}: no AWS credentials ({error}); set access_key and secret_key, profile, AWS_PROFILE or the "
            "AWS_ACCESS_KEY_ID variables, or run where an instance role gives them"
        ) from error
    except (boto.ReadTimeoutError, boto.ConnectionClosedError, boto.IncompleteReadError) as error:
        kind = Lost if changes else Throttled
        raise kind(f"{what}: the service did not answer ({error})") from error
    except (boto.EndpointConnectionError, boto.HTTPClientError) as error:
        raise Unreachable(
            f"{what}: the service cannot be reached ({error}); check the region, endpoint_url, proxy and network"
        ) from error
    except ResponseParserError as error:
        # Something else answered, such as a proxy's page. Its text may be long and is no sentence.
        raise (Lost if changes else Unreachable)(
            f"{what}: the answer is not the service's; check endpoint_url, proxy and network"
        ) from error
    except boto.BotoCoreError as error:
        raise CloudError(f"{what}: {error}") from error


def _from_client_error(what: str, error: t.Any, changes: bool) -> CloudError:
    answer = error.response.get("Error", {})
    code = answer.get("Code", "")
    message = _ENCODED.sub("", answer.get("Message", "")).strip()
    text = f"{what}: {message} ({code})"
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in CAPACITY:
        return NoCapacity(text, code)
    if code in THROTTLED:
        return Throttled(text, code)
    if code in DENIED:
        return Denied(text, code)
    if code in UNSURE or (status >= 500 and not message):
        return (Lost if changes else Throttled)(text, code)
    return CloudError(text, code)
