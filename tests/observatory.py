"""The header rules of MDN's HTTP Observatory, as far as an answer alone shows them: what costs a site points.

The scanner itself runs on a newer Node.js than this project asks for. Each rule returns (points, why); 0 points cost
nothing, and points that a site can win are left out.
"""

import re
from http.cookies import SimpleCookie

HALF_A_YEAR = 15_768_000
SAFE_REFERRERS = {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}
# Sources that let in what somebody else wrote.
BROAD = {"*", "http:", "https:", "data:", "blob:", "'unsafe-inline'", "ftp:"}


def directives_of(policy):
    """Return {directive: sources} of a Content-Security-Policy; of a name that comes twice, the first."""
    found = {}
    for part in policy.split(";"):
        name, *sources = part.split() or [""]
        if name:
            found.setdefault(name.lower(), sources)
    return found


def rate_policy(headers):
    """Rate the Content-Security-Policy."""
    if not (policy := headers.get("Content-Security-Policy", "")):
        return -25, "no policy"
    rules = directives_of(policy)
    scripts = rules.get("script-src", rules.get("default-src"))
    objects = rules.get("object-src", rules.get("default-src"))
    if scripts is None or objects is None:
        return -20, "scripts or plugins from anywhere"
    if BROAD & {*scripts, *objects}:
        return -20, "unsafe sources of scripts or plugins"
    if "'unsafe-eval'" in {source for sources in rules.values() for source in sources}:
        return -10, "code that is made at run time"
    if any(source.startswith("http:") for source in {*scripts, *objects, *rules.get("style-src", ())}):
        return -20, "scripts or styles over http"
    passive = {*rules.get("img-src", ()), *rules.get("media-src", ())}
    if any(source.startswith("http:") for source in passive):
        return -10, "pictures over http"
    if not rules.get("form-action", rules.get("default-src") == ["'none'"]):
        return -10, "forms to anywhere"
    return 0, ""


def rate_hsts(headers):
    """Rate Strict-Transport-Security."""
    found = re.search(r"max-age=(\d+)", headers.get("Strict-Transport-Security", ""))
    if not found:
        return -20, "no HSTS"
    return (0, "") if int(found[1]) >= HALF_A_YEAR else (-10, "HSTS for less than half a year")


def rate_cookies(headers, cookies=()):
    """Rate cookies, given as the lines of Set-Cookie."""
    for line in cookies:
        for name, cookie in SimpleCookie(line).items():
            is_session = "sess" in name.lower()
            if not cookie["secure"]:
                return (-40 if is_session else -20), f"{name} is not Secure"
            if is_session and not cookie["httponly"]:
                return -30, f"{name} is not HttpOnly"
            if cookie["samesite"].lower() not in ("lax", "strict"):
                return -20, f"{name} has no SameSite"
    return 0, ""


def rate_sharing(headers):
    """Rate Access-Control-Allow-Origin."""
    if headers.get("Access-Control-Allow-Credentials") and headers.get("Access-Control-Allow-Origin"):
        return -50, "other sites read it with the cookies of a person"
    return 0, ""


def rate_resource_policy(headers):
    """Rate Cross-Origin-Resource-Policy."""
    allowed = {"", "same-origin", "same-site", "cross-origin"}
    return (0, "") if headers.get("Cross-Origin-Resource-Policy", "") in allowed else (-5, "unknown resource policy")


def rate_referrer(headers):
    """Rate Referrer-Policy."""
    policies = [part.strip() for part in headers.get("Referrer-Policy", "").split(",") if part.strip()]
    return (0, "") if not policies or policies[-1] in SAFE_REFERRERS else (-5, "referrers go to others")


def rate_sniffing(headers):
    """Rate X-Content-Type-Options."""
    return (0, "") if headers.get("X-Content-Type-Options", "").lower() == "nosniff" else (-5, "no nosniff")


def rate_framing(headers):
    """Rate X-Frame-Options, for which frame-ancestors of the policy may stand."""
    ancestors = directives_of(headers.get("Content-Security-Policy", "")).get("frame-ancestors")
    if ancestors and not BROAD & set(ancestors):
        return 0, ""
    is_closed = headers.get("X-Frame-Options", "").upper() in ("DENY", "SAMEORIGIN")
    return (0, "") if is_closed else (-20, "any site may frame it")


def rate_scripts(headers, body="", host=""):
    """Rate scripts of other hosts: each needs the digest of its content."""
    for tag in re.findall(r"<script\b[^>]*>", body):
        source = re.search(r"\bsrc=[\"']?(?:https?:)?//([^/\"' >]+)", tag)
        if source and source[1] != host and "integrity=" not in tag:
            return -50 if 'src="http:' in tag else -5, f"a script of {source[1]} without a digest"
    return 0, ""


def points_lost(headers, *, cookies=(), body="", host=""):
    """Return {why: points} of all that costs an answer points."""
    rated = [
        rate_policy(headers),
        rate_hsts(headers),
        rate_cookies(headers, cookies),
        rate_sharing(headers),
        rate_resource_policy(headers),
        rate_referrer(headers),
        rate_sniffing(headers),
        rate_framing(headers),
        rate_scripts(headers, body, host),
    ]
    return {why: points for points, why in rated if points}
