"""What an address alone says against a link: a page that is not private, a detour, a secret, a trace of the reader."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit, urlunsplit

from posts.rendering.file_links import is_file_link

RELATIVE, PLAIN, SHORTENED, SECRET, TRACKING = KINDS = (
    "link-relative", "link-http", "link-shortened", "link-secret", "link-tracking",
)  # fmt: skip
# A link of which a check found the new address. No address says so itself.
MOVED = "link-moved"
# What the button says that mends all links of a text with this fault.
FIXES: dict[str, str] = {
    RELATIVE: "Remove these links and keep their words",
    PLAIN: "Change to https://",
    SHORTENED: "Write the addresses that they lead to",
    SECRET: "Remove passwords and keys",
    TRACKING: "Remove these parameters",
    MOVED: "Write the new addresses",
}
# Nobody sees where these lead, and each can lead elsewhere tomorrow.
SHORTENERS = frozenset(
    "adf.ly amzn.to bit.do bit.ly bitly.com buff.ly cutt.ly db.tt dlvr.it fb.me ff.im flip.it git.io goo.gl goo.su "
    "hubs.ly ibm.co ift.tt is.gd j.mp lc.chat lnkd.in mcaf.ee msft.it ow.ly pca.st prn.to qr.ae rb.gy rebrand.ly "
    "shorturl.at skl.sh snip.ly soo.gd t.co t.ly tiny.cc tiny.one tinyurl.com tr.im trib.al u.to urlz.fr v.gd wp.me "
    "x.co zpr.io g.co forms.gle maps.app.goo.gl a.co apple.co bl.ink clck.ru dub.sh dwz.cn kutt.it nyti.ms ppt.cc "
    "reurl.cc reut.rs s.id shorte.st suo.im t.cn tcrn.ch tny.im url.kr vk.cc w.wiki".split()
)
_TRACKING = re.compile(
    r"utm_\w+|fbclid|gclid|gclsrc|dclid|wbraid|gbraid|msclkid|yclid|twclid|ttclid|li_fat_id|igshid|mc_[ce]id|mkt_tok"
    r"|_hsenc|_hsmi|hsctatracking|vero_id|vero_conv|oly_anon_id|oly_enc_id|rb_clickid|s_cid|ml_subscriber(?:_hash)?"
    r"|wickedid|_openstat|srsltid|igsh|epik|hsa_\w+|spm|cmpid|guccounter|gad_source|trk|trkinfo|_branch_match_id|"
    r"ref_src|ref_url|at_campaign|at_medium|pk_campaign|pk_kwd|mtm_\w+|__s|sc_campaign|_ga|_gl",
    re.IGNORECASE,
)
# Parameters that trace the reader on these hosts alone; elsewhere the same names choose what is shown.
_TRACKING_AT = {
    "youtube.com": ("si", "feature", "pp"), "youtu.be": ("si", "feature"), "open.spotify.com": ("si",),
    "twitter.com": ("s", "t"), "x.com": ("s", "t"), "medium.com": ("source",), "linkedin.com": ("trackingid", "refid"),
}  # fmt: skip
# Pages that only note who leaves and lead to the address in a parameter.
_DETOURS = {
    "l.facebook.com": "u", "lm.facebook.com": "u", "l.instagram.com": "u", "google.com": "q", "out.reddit.com": "url",
    "safelinks.protection.outlook.com": "url", "slack-redir.net": "url", "youtube.com": "q", "href.li": "",
}  # fmt: skip
_DETOUR_PATHS = {"google.com": "/url", "youtube.com": "/redirect"}
_SECRET = re.compile(
    r"access[_-]?token|auth[_-]?token|id_token|refresh[_-]?token|(?:x-)?api[_-]?key|client[_-]?secret|passw(?:or)?d|pwd"
    r"|passphrase|private[_-]?key|awsaccesskeyid|session_?id|x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)",
    re.IGNORECASE,
)
# Secrets only if what they hold looks like a key: "token=3" is none.
_MAYBE_SECRET = re.compile(r"token|key|secret|sig|signature|auth|jwt", re.IGNORECASE)
_KEY = re.compile(r"(?=[^=]*\d)(?=[^=]*[A-Za-z])[\w.~%+/-]{16,}=*")
# Addresses that are a key as a whole: whoever has one can write there.
_SECRET_PATH = re.compile(
    r"https://(?:hooks\.slack\.com/services/\w+/\w+/\w+|(?:\w+\.)?discord(?:app)?\.com/api/webhooks/\d+/[\w-]+"
    r"|api\.telegram\.org/bot\d+:[\w-]+|[\w.-]+\.webhook\.office\.com/webhookb2/\S+)"
)
# Names that nobody can register (RFC 2606, RFC 6761): authors write them in examples.
_RESERVED = re.compile(
    r"(?:.+\.)?(?:example|invalid|test|localhost|local|internal|onion|example\.(?:com|org|net))", re.IGNORECASE
)
_IS_RELATIVE = re.compile(r"(?![a-z][a-z0-9+.-]*:|[/#@\[])", re.IGNORECASE)


@dataclass(frozen=True)
class Fault:
    """Something against an address. fixed: what to write in its place, "" to keep the words alone, None if unknown."""

    kind: str
    fixed: str | None


def host_of_link(address: str) -> str:
    """Return the host of an address on the web in lower case, without user and port; "" for any other."""
    try:
        parts = urlsplit(address)
        return (parts.hostname or "").rstrip(".") if parts.scheme in ("http", "https") else ""
    except ValueError:
        return ""


def is_reserved(host: str) -> bool:
    """Return whether a host can't be on the public internet: a name of examples, one without a dot, a private number.

    What an article writes of these is meant for the reader's own network.
    """
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        return "." not in host or _RESERVED.fullmatch(host) is not None


def faults_of(address: str) -> list[Fault]:
    """Return the faults of the address of a link, in the order of KINDS."""
    if _IS_RELATIVE.match(address):
        return [Fault(RELATIVE, "")] if address and not is_file_link(address) else []
    if address.startswith("//"):
        # It takes the scheme of the page on which it stands.
        whole = f"https:{address}"
        host = host_of_link(whole)
        return [Fault(PLAIN, whole)] if host and not is_reserved(host) else []
    host = host_of_link(address)
    if not host:
        return []
    found = []
    if address.lower().startswith("http://") and not is_reserved(host):
        found.append(Fault(PLAIN, _with_https(address)))
    if host.removeprefix("www.") in SHORTENERS and urlsplit(address).path.strip("/"):
        found.append(Fault(SHORTENED, None))
    if _SECRET_PATH.match(address):
        found.append(Fault(SECRET, ""))
    elif (clean := without_secrets(address)) != address:
        found.append(Fault(SECRET, clean))
    if (clean := without_tracking(address)) != address:
        found.append(Fault(TRACKING, clean))
    return found


def _with_https(address: str) -> str | None:
    """Return an address with https://; None if it names a port that only http:// can have."""
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        return None
    if port not in (None, 80):
        return None
    netloc = parts.netloc.removesuffix(":80")
    return f"https://{netloc}{address[len('http://') + len(parts.netloc) :]}"


def without_tracking(address: str) -> str:
    """Return an address without the parameters that tell its host where the reader came from."""
    host = host_of_link(address).removeprefix("www.").removeprefix("m.")
    if leads_to := _behind_detour(address, host):
        return leads_to
    at_host = next((names for name, names in _TRACKING_AT.items() if host == name or host.endswith(f".{name}")), ())
    return _without_parameters(
        address, lambda name, _: _TRACKING.fullmatch(name) is not None or name.lower() in at_host
    )


def _behind_detour(address: str, host: str) -> str:
    """Return where a page leads that only notes who leaves, or ""."""
    name = next((name for name in _DETOURS if host == name or host.endswith(f".{name}")), "")
    parts = urlsplit(address)
    if not name or not parts.path.startswith(_DETOUR_PATHS.get(name, "/")):
        return ""
    found = parse_qs(parts.query).get(_DETOURS[name], [""])[0] if _DETOURS[name] else parts.query
    return found if host_of_link(found) else ""


def without_secrets(address: str) -> str:
    """Return an address without user, password and parameters that are keys of somebody's account."""
    scheme, rest = address.split("//", 1)
    end = re.search(r"[/?#]", rest)
    authority = rest[: end.start()] if end else rest
    if not is_reserved(host_of_link(address)) and "@" in authority:
        address = f"{scheme}//{authority.rpartition('@')[2]}{rest[len(authority) :]}"
    if re.search(r"#(?:.*&)?(?:access|id)_token=", address):
        address = address.partition("#")[0]
    return _without_parameters(address, _is_secret)


def _is_secret(name: str, value: str) -> bool:
    if _SECRET.fullmatch(name):
        return True
    return _MAYBE_SECRET.fullmatch(name) is not None and _KEY.fullmatch(value) is not None


def _without_parameters(address: str, is_left_out: Callable[[str, str], bool]) -> str:
    parts = urlsplit(address)
    if "?" not in address or is_reserved(host_of_link(address)):
        return address
    pairs = parts.query.split("&")
    kept = [pair for pair in pairs if not is_left_out(pair.partition("=")[0], pair.partition("=")[2])]
    return address if kept == pairs else urlunsplit(parts._replace(query="&".join(kept)))
