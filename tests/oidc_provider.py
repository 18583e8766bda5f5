"""A provider of single sign-on for tests, which answers as a real one does and can be told to answer wrongly."""

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

# Made once: it takes a while.
FIRST_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CLIENT, SECRET = "alphanode", "a secret of the client: 100%"


class Provider:
    """A provider on a port of this machine. The attributes say how it answers from now on."""

    def __init__(self):
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                provider.answer(self)

            do_POST = do_GET

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.asked, self.codes = [], {}
        self.subject, self.person = "person-1", {"preferred_username": "ada", "email": "ada@articles.example"}
        self.groups, self.groups_in_token = ["cms-reviewers"], True
        # Claims of the ID token that differ from those of an honest one; None leaves one out.
        self.claims, self.algorithm = {}, "RS256"
        self.metadata, self.user_info = {}, {}
        self.rotate(key=FIRST_KEY)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def rotate(self, algorithm="RS256", key=None):
        """Use a new key from now on, and publish that alone."""
        self.algorithm, self.key_id = algorithm, secrets.token_hex(4)
        if key is not None:
            self.key = key
        elif algorithm.startswith("ES"):
            self.key = ec.generate_private_key(ec.SECP256R1())
        else:
            self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.published = self.key

    def sign_in(self, address):
        """Do what the page at `address` does once the person has signed in; return the parameters of the way back."""
        asked = dict(parse_qsl(urlsplit(address).query))
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.issuer}

    def id_token(self, asked):
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": self.subject, "iat": now, "exp": now + 300,
                  "nonce": asked["nonce"], "auth_time": now, **self.person}  # fmt: skip
        if self.groups_in_token:
            claims["groups"] = self.groups
        claims = {name: value for name, value in (claims | self.claims).items() if value is not None}
        key = "a secret that everybody knows, thirty-two" if self.algorithm.startswith("HS") else self.key
        key = "" if self.algorithm == "none" else key
        return jwt.encode(claims, key, algorithm=self.algorithm, headers={"kid": self.key_id})

    def keys(self):
        algorithms = jwt.algorithms.get_default_algorithms()
        kind = "ES256" if isinstance(self.published, ec.EllipticCurvePrivateKey) else "RS256"
        public = json.loads(algorithms[kind].to_jwk(self.published.public_key()))
        return {"keys": [public | {"kid": self.key_id, "use": "sig"}]}

    def answer(self, request):
        length = int(request.headers.get("Content-Length") or 0)
        form = {name: values[0] for name, values in parse_qs(request.rfile.read(length).decode()).items()}
        path = urlsplit(request.path).path
        self.asked.append(path)
        status, body = 200, {}
        if path == "/.well-known/openid-configuration":
            names = {"authorization_endpoint": "/auth", "token_endpoint": "/token", "jwks_uri": "/keys",
                     "userinfo_endpoint": "/me"}  # fmt: skip
            body = {"issuer": self.issuer, **{name: self.issuer + path for name, path in names.items()}}
            body |= self.metadata
        elif path == "/keys":
            body = self.keys()
        elif path == "/token":
            status, body = self.tokens(form, request.headers.get("Authorization", ""))
        elif path == "/me":
            body = {"sub": self.subject, "groups": self.groups, **self.user_info}
        text = json.dumps(body).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def tokens(self, form, authorization):
        asked = self.codes.pop(form.get("code", ""), None)
        pair = urlencode({"": CLIENT})[1:] + ":" + urlencode({"": SECRET})[1:].replace("+", "%20")
        is_client = authorization == f"Basic {base64.b64encode(pair.encode()).decode()}"
        by_post = (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or not (is_client or by_post) or asked["code_challenge"] != challenge:
            return 400, {"error": "invalid_grant"}
        if asked["redirect_uri"] != form.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        return 200, {"id_token": self.id_token(asked), "access_token": "x", "token_type": "Bearer"}

    def close(self):
        self.server.shutdown()
        self.server.server_close()
