"""The security headers of every kind of response, in one table.

The kinds: `public` (pages for readers), `desk` (everything under /admin/), `preview` (a draft as readers would see
it, shown in the admin), `framing` (an admin page that frames such previews), `passkey` (one that uses a passkey),
`link` (all below the addresses of preview links, which are secret), `static` (files), `machine` (feeds and sitemaps),
`picture` (of a shared link), `upload` (a picture that somebody uploaded). The middleware recognises static files, the
admin and preview links by their path; a view names any other kind in `response.page_kind`.

Search engines may index what a view calls `response.is_indexable`, and nothing else: a view that says nothing is
closed.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings

PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in [
        "accelerometer",
        "autoplay",
        "camera",
        "display-capture",
        "encrypted-media",
        "fullscreen",
        "geolocation",
        "gyroscope",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "publickey-credentials-get",
        "usb",
        "browsing-topics",
    ]
)
# {header: value}; None removes a header that Django sets everywhere.
Headers = dict[str, str | None]


def content_security_policy(
    *, images: str = "'self'", hosts: Iterable[str] | None = None, framed_by: str = "'none'", frames: str = "'none'"
) -> str:
    """Return the policy of a page.

    images: sources besides hosts. hosts: from which pictures may be loaded; by default all that are allowed. framed_by:
    who may frame the page. frames: what the page may frame.
    """
    # The same setting decides which image addresses are valid: one list, two safety nets.
    hosts = settings.IMAGE_HOSTS if hosts is None else hosts
    directives = {
        "default-src": "'none'",
        "script-src": "'self'",
        "script-src-attr": "'none'",
        "style-src": "'self'",
        "style-src-attr": "'none'",
        "img-src": " ".join(
            [images, *(f"https://{host}" for host in (settings.IMAGE_HOSTS if hosts is None else hosts))]
        ),
        "font-src": "'self'",
        "connect-src": "'self'",
        "manifest-src": "'self'",
        "media-src": "'none'",
        "object-src": "'none'",
        "frame-src": frames,
        "worker-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": framed_by,
    }
    policy = "; ".join(f"{name} {value}" for name, value in directives.items())
    return f"{policy}; upgrade-insecure-requests" if settings.IS_SECURE_SITE else policy


def _readers_hosts() -> list[str]:
    """Return the hosts from which readers load pictures: with IMAGES=copy only the one of MEDIA_URL, if it has one."""
    if settings.IMAGES != "copy":
        return list(settings.IMAGE_HOSTS)
    host = urlsplit(settings.MEDIA_URL).hostname
    return [host] if host else []


def header_table() -> dict[str, Headers]:
    """Return {kind: Headers}."""
    page: Headers = {
        "Content-Security-Policy": content_security_policy(hosts=_readers_hosts()),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": PERMISSIONS_POLICY,
        # Closed unless a view opens its answer: the middleware removes it then.
        "X-Robots-Tag": "noindex",
    }
    # The admin's own style sheets draw icons as data: addresses.
    desk = page | {
        "Content-Security-Policy": content_security_policy(images="'self' data:"),
        "Referrer-Policy": "same-origin",
        "Cache-Control": "private, no-store",
        "X-Robots-Tag": "noindex, nofollow",
    }
    file: Headers = {
        "Content-Security-Policy": "default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": None,
        "Cross-Origin-Opener-Policy": None,
        "Cross-Origin-Resource-Policy": "cross-origin",
        "X-Robots-Tag": "noindex",
    }
    return {
        "public": page,
        "desk": desk,
        # The admin may frame its own preview, and the address of a draft must not reach the image hosts.
        "preview": desk
        | {
            "Content-Security-Policy": content_security_policy(images="'self' data:", framed_by="'self'"),
            "X-Frame-Options": "SAMEORIGIN",
            "Referrer-Policy": "no-referrer",
        },
        "framing": desk | {"Content-Security-Policy": content_security_policy(images="'self' data:", frames="'self'")},
        # A passkey is used on the pages of accounts alone.
        "passkey": desk
        | {
            "Permissions-Policy": PERMISSIONS_POLICY.replace(
                "publickey-credentials-get=()", "publickey-credentials-get=(self)"
            )
        },
        # A preview shows the pictures as they are at their hosts now.
        "link": page
        | {"Content-Security-Policy": content_security_policy(), "Referrer-Policy": "no-referrer"}
        | {name: desk[name] for name in ("Cache-Control", "X-Robots-Tag")},
        # An opened SVG is a document.
        "static": file
        | {
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
            # A sandboxed preview has no origin, and its fonts need this to load.
            "Access-Control-Allow-Origin": "*",
        },
        "machine": file | {"Cache-Control": "public, max-age=300"},
        # Its name is the digest of its content. Opened as a document it can do nothing.
        "upload": file
        | {
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
            "Cache-Control": "public, max-age=31536000, immutable",
        },
        # Programs of other sites show it, and reload it rarely.
        "picture": file | {"Cache-Control": "public, max-age=3600"},
    }
