"""Single sign-on with OpenID Connect: the code flow with PKCE, and the checks of the ID token.

OpenID Connect Core 1.0, 3.1.3.7; RFC 7636 (PKCE); RFC 9207 (issuer in the answer). All requests go through the guarded
client: a provider in a private network needs OUTGOING_NETWORKS.
"""

import base64
import hashlib
import hmac
import json
import math
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from django.conf import settings

from posts.errors import Refused
from posts.outgoing import Limits, OutgoingError, fetch
from posts.page_cache.shared_cache import cache_delete, cache_get, cache_set

# Asymmetric ones alone: with the others, who knows the client's secret could make tokens.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LIMITS = Limits(seconds=5, body_bytes=200_000, redirects=0)
METADATA_SECONDS = 3600
# A key that is not known yet makes us ask for the keys again, but not more often than this.
KEYS_AGAIN_SECONDS = 10
CLOCKS_DIFFER_SECONDS = 60
# How long a person may take at the provider.
TAKES_SECONDS = 900
FRESH_SECONDS = 300
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class SignOnFailed(Refused):
    """The provider, or what came in its name, was not accepted. `why` is for the log; people read one sentence."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__("The sign-in through the provider failed. Try again, or tell an administrator.")


@dataclass(frozen=True)
class Person:
    """What the provider says of a person.

    signed_in_at: when the person signed in there, in seconds since 1970; None if it does not say.
    """

    subject: str
    claims: Mapping[str, Any]
    groups: frozenset[str]
    has_second_factor: bool
    signed_in_at: int | None


def is_on() -> bool:
    """Return whether the site has a provider."""
    return bool(settings.OIDC_ISSUER)


def begin(*, redirect_uri: str, is_again: bool = False) -> tuple[str, dict[str, Any]]:
    """Return the address of the provider's sign-in page, and what to keep in the session until the person is back.

    is_again: the person has to prove to the provider again who they are.
    """
    kept: dict[str, Any] = {
        "state": secrets.token_urlsafe(32),
        "nonce": secrets.token_urlsafe(32),
        "verifier": secrets.token_urlsafe(48),
        "at": int(time.time()),
        "is_again": is_again,
    }
    digest = hashlib.sha256(kept["verifier"].encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": settings.OIDC_CLIENT_ID,
        "redirect_uri": redirect_uri,
        "scope": " ".join(["openid", *settings.OIDC_SCOPES]),
        "state": kept["state"],
        "nonce": kept["nonce"],
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    if settings.OIDC_ACR:
        asked["acr_values"] = " ".join(settings.OIDC_ACR)
    if is_again:
        asked |= {"prompt": "login", "max_age": "0"}
    address = _metadata()["authorization_endpoint"]
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}", kept


def finish(answer: Mapping[str, str], kept: Mapping[str, Any] | None, *, redirect_uri: str) -> Person:
    """Return who came back from the provider; raise SignOnFailed for everything that does not fit.

    answer: the parameters of the address to which the provider led. kept: the second value of begin().
    """
    if not kept or time.time() - kept["at"] > TAKES_SECONDS:
        raise SignOnFailed("the sign-in was not begun here, or took too long")
    if not hmac.compare_digest(answer.get("state", "").encode(), kept["state"].encode()):
        raise SignOnFailed("another state")
    if "iss" in answer and answer["iss"] != settings.OIDC_ISSUER:
        raise SignOnFailed("the answer of another issuer")
    if "error" in answer or not answer.get("code"):
        raise SignOnFailed(f"the provider answered {answer.get('error', 'without a code')[:100]}")
    tokens = _tokens(answer["code"], verifier=kept["verifier"], redirect_uri=redirect_uri)
    claims = checked_claims(str(tokens.get("id_token", "")), nonce=kept["nonce"])
    if kept["is_again"] and time.time() - _number(claims, "auth_time") > FRESH_SECONDS:
        raise SignOnFailed("the person did not sign in again")
    if settings.OIDC_GROUPS_CLAIM not in claims:
        claims = _user_info(tokens, claims["sub"]) | claims
    acr, amr = claims.get("acr"), claims.get("amr")
    methods = {str(method) for method in amr} if isinstance(amr, list) else set()
    return Person(
        subject=claims["sub"],
        claims=claims,
        groups=_groups(claims),
        has_second_factor=acr in settings.OIDC_ACR or not methods.isdisjoint(settings.OIDC_AMR),
        signed_in_at=int(_number(claims, "auth_time")) or None,
    )


def checked_claims(token: str, *, nonce: str) -> dict[str, Any]:
    """Return the claims of an ID token; raise SignOnFailed unless it is ours, signed, valid now and of this sign-in."""
    # Imported here, as below: without single sign-on no process needs it.
    import jwt

    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise SignOnFailed(f"an ID token signed with {algorithm}")
        claims: dict[str, Any] = jwt.decode(
            token,
            _key(header.get("kid"), algorithm),
            algorithms=[algorithm],
            audience=settings.OIDC_CLIENT_ID,
            issuer=settings.OIDC_ISSUER,
            leeway=CLOCKS_DIFFER_SECONDS,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise SignOnFailed(f"the ID token: {error}") from error
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", settings.OIDC_CLIENT_ID) != settings.OIDC_CLIENT_ID or (several and "azp" not in claims):
        raise SignOnFailed("an ID token for another client")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise SignOnFailed("an ID token of another sign-in")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255 or "\x00" in claims["sub"]:
        raise SignOnFailed("no subject")
    return claims


def _number(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0


def _groups(claims: Mapping[str, Any]) -> frozenset[str]:
    value = claims.get(settings.OIDC_GROUPS_CLAIM)
    if isinstance(value, str):
        return frozenset({value})
    return frozenset(str(one) for one in value) if isinstance(value, list) else frozenset()


def _get(address: str, **options: Any) -> Any:
    """Return the JSON of an address of the provider."""
    try:
        answer = fetch(address, limits=LIMITS, allowed_networks=settings.OUTGOING_NETWORKS, **options)
    except OutgoingError as error:
        raise SignOnFailed(str(error)) from error
    if answer.status != 200 or not answer.is_whole:
        raise SignOnFailed(f"{urlsplit(address).path} answered {answer.status}")
    try:
        found = json.loads(answer.body)
    except ValueError as error:
        raise SignOnFailed(f"{urlsplit(address).path} answered no JSON") from error
    if not isinstance(found, dict):
        raise SignOnFailed(f"{urlsplit(address).path} answered no object")
    return found


def _cache_name(what: str) -> str:
    return f"oidc-{what}-{hashlib.sha256(settings.OIDC_ISSUER.encode()).hexdigest()}"


def _metadata() -> dict[str, Any]:
    """Return what the provider says of itself; it must be the issuer that the settings name."""
    known: dict[str, Any] | None = cache_get(_cache_name("metadata"))
    if known is not None:
        return known
    found = _get(f"{settings.OIDC_ISSUER.rstrip('/')}/.well-known/openid-configuration")
    if found.get("issuer") != settings.OIDC_ISSUER:
        raise SignOnFailed(f"the provider calls itself {str(found.get('issuer'))[:200]}")
    kept: dict[str, Any] = {name: str(found.get(name) or "") for name in (*_ENDPOINTS, "userinfo_endpoint")}
    is_secure = settings.OIDC_ISSUER.startswith("https://")
    if not all(kept[name].startswith("https://" if is_secure else ("https://", "http://")) for name in _ENDPOINTS):
        raise SignOnFailed("the provider names no endpoints, or insecure ones")
    kept["by_post"] = "client_secret_basic" not in found.get(
        "token_endpoint_auth_methods_supported", ["client_secret_basic"]
    )
    cache_set(_cache_name("metadata"), kept, METADATA_SECONDS)
    return kept


def _key(name: Any, algorithm: str) -> Any:
    """Return the public key of this name. A provider that changed its keys is asked again."""
    import jwt

    for _ in range(2):
        known = cache_get(_cache_name("keys"))
        if known is None:
            found = _get(_metadata()["jwks_uri"]).get("keys")
            known = {"at": time.time(), "keys": found if isinstance(found, list) else []}
            cache_set(_cache_name("keys"), known, METADATA_SECONDS)
        fitting = [key for key in known["keys"] if isinstance(key, dict) and key.get("use", "sig") == "sig"]
        named = [key for key in fitting if key.get("kid") == name] if name else fitting
        if len(named) == 1:
            return jwt.PyJWK(named[0], algorithm=algorithm).key
        if time.time() - known["at"] < KEYS_AGAIN_SECONDS:
            break
        cache_delete(_cache_name("keys"))
    raise SignOnFailed("an ID token signed with an unknown key")


def _tokens(code: str, *, verifier: str, redirect_uri: str) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    client, secret = settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET
    metadata = _metadata()
    if metadata["by_post"]:
        form |= {"client_id": client, "client_secret": secret}
    else:
        pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"
        headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    found: dict[str, Any] = _get(
        metadata["token_endpoint"], method="POST", headers=headers, body=urlencode(form).encode()
    )
    return found


def _user_info(tokens: Mapping[str, Any], subject: str) -> dict[str, Any]:
    """Return what the provider says of the person elsewhere than in the ID token."""
    address, token = _metadata()["userinfo_endpoint"], tokens.get("access_token")
    if not address or not isinstance(token, str):
        return {}
    found: dict[str, Any] = _get(address, headers={"authorization": f"Bearer {token}", "accept": "application/json"})
    if found.get("sub") != subject:
        raise SignOnFailed("what it says is about another person")
    return found
