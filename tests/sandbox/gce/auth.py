"""Who asks: access tokens that we issued, and JWTs that the service account's own key signed."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import secrets
import time
import typing as t

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import exceptions
from google.auth import jwt as google_jwt

from . import errors
from .store import Store

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
LIFETIME = 3600
#: What google-auth says, whatever the token_uri of the file is.
_AUDIENCE = "https://oauth2.googleapis.com/token"


class Auth:
    """One service account with a key of its own. Tokens are signed, not stored: they survive a restart."""

    def __init__(self, store: Store, email: str, project: str, accept_any: bool = False) -> None:
        self.email = email
        self.project = project
        self.accept_any = accept_any
        with store:
            known = store.table("keys").get("service_account")
            if known is None:
                known = {"private": _new_key(), "secret": secrets.token_hex(32), "id": secrets.token_hex(20)}
                store.put("keys", "service_account", known)
        self._secret = known["secret"].encode()
        self._private: str = known["private"]
        self._key_id: str = known["id"]
        key = serialization.load_pem_private_key(self._private.encode(), None)
        form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        self._public = key.public_key().public_bytes(*form)

    def key_file(self, endpoint: str) -> dict[str, str]:
        """What a service account's JSON file holds."""
        return {
            "type": "service_account",
            "project_id": self.project,
            "private_key_id": self._key_id,
            "private_key": self._private,
            "client_email": self.email,
            "client_id": "100000000000000000001",
            "auth_uri": f"{endpoint}/auth",
            "token_uri": f"{endpoint}/token",
            "universe_domain": "googleapis.com",
        }

    def issue(self, scopes: str) -> dict[str, t.Any]:
        """An access token for space-separated scopes, as the token endpoint answers it."""
        claims = json.dumps({"sub": self.email, "scope": scopes, "exp": time.time() + LIFETIME})
        payload = base64.urlsafe_b64encode(claims.encode()).decode().rstrip("=")
        return {
            "access_token": f"ya29.{payload}.{self._sign(payload)}",
            "expires_in": LIFETIME - 1,
            "token_type": "Bearer",
        }

    def exchange(self, form: t.Mapping[str, str], endpoint: str) -> dict[str, t.Any]:
        """The token endpoint: an assertion for a token. Raises OAuthError."""
        if form.get("grant_type") != _GRANT:
            raise OAuthError("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type')}")
        try:
            audiences = [f"{endpoint}/token", _AUDIENCE]
            claims = google_jwt.decode(form.get("assertion", ""), self._public, audience=audiences)
        except (exceptions.GoogleAuthError, ValueError) as why:
            raise OAuthError("invalid_grant", f"Invalid JWT: {why}") from why
        if claims.get("iss") != self.email:
            raise OAuthError("invalid_grant", "Invalid grant: account not found")
        if not claims.get("scope"):
            raise OAuthError("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        return self.issue(claims["scope"])

    def check(self, header: str, allowed: frozenset[str], endpoint: str) -> str:
        """The email of the caller, if the token's scopes allow the method. Raises ApiError 401 or 403."""
        kind, _space, token = header.partition(" ")
        if self.accept_any:
            return self.email
        if kind != "Bearer" or not token:
            message = "Request is missing required authentication credential. Expected OAuth 2 access token."
            raise errors.ApiError(401, "required", message, location="Authorization", locationType="header")
        scopes = self._own(token) if token.startswith("ya29.") else self._self_signed(token, endpoint)
        if scopes is None:
            message = "Request had invalid authentication credentials. Expected OAuth 2 access token."
            raise errors.ApiError(401, "authError", message, location="Authorization", locationType="header")
        if not allowed & set(scopes.split()):
            message = "Request had insufficient authentication scopes."
            raise errors.ApiError(403, "insufficientPermissions", message)
        return self.email

    def _sign(self, payload: str) -> str:
        return hmac.new(self._secret, payload.encode(), hashlib.sha256).hexdigest()

    def _own(self, token: str) -> str | None:
        payload, _dot, signature = token[len("ya29.") :].partition(".")
        if not hmac.compare_digest(signature, self._sign(payload)):
            return None
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["scope"]) if claims["exp"] > time.time() else None

    def _self_signed(self, token: str, endpoint: str) -> str | None:
        """Google's clients skip the token endpoint where a service account's own signature will do (AIP-4111)."""
        try:
            claims = google_jwt.decode(token, self._public)
        except (exceptions.GoogleAuthError, ValueError):
            return None
        if claims.get("iss") != self.email or claims.get("sub") != self.email:
            return None
        if claims.get("scope"):
            return str(claims["scope"])
        known = ("https://compute.googleapis.com/", f"{endpoint}/")
        return CLOUD_PLATFORM if claims.get("aud") in known else None


class OAuthError(Exception):
    """An answer in OAuth's own shape, with status 400."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.body = {"error": error, "error_description": description}


@functools.cache
def _new_key() -> str:
    """Made once per process: it takes up to a second."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()
