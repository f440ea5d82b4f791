"""An OpenID provider for one bench on 127.0.0.1: everybody who comes is the same reader."""

import base64
import hashlib
import http.server
import json
import subprocess
import threading
import time
import urllib.parse

CLIENT_ID = "bench"
SUBJECT = "bench-reader"
GROUP = "bench-readers"


def encode(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Provider:
    """Signs with RS256, by the `openssl` command, since Python has no RSA of its own."""

    def __init__(self, folder, port):
        self.issuer = f"http://127.0.0.1:{port}"
        self.key = f"{folder}/idp.pem"
        self.nonces = {}
        self.openssl("genrsa", "-out", self.key, "2048")
        modulus = self.openssl("rsa", "-in", self.key, "-noout", "-modulus").decode().strip().partition("=")[2]
        self.jwk = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "e": "AQAB", "n": encode(bytes.fromhex(modulus))}
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path, _, query = self.path.partition("?")
                provider.answer(self, path, dict(urllib.parse.parse_qsl(query)))

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                provider.answer(self, self.path, dict(urllib.parse.parse_qsl(body)))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def openssl(*arguments, stdin=b""):
        return subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=True).stdout

    def sign(self, kind, claims):
        head = encode(json.dumps({"alg": "RS256", "typ": kind, "kid": "1"}).encode())
        signed = f"{head}.{encode(json.dumps(claims).encode())}"
        return f"{signed}.{encode(self.openssl('dgst', '-sha256', '-sign', self.key, stdin=signed.encode()))}"

    def claims(self, audience):
        now = int(time.time())
        return {
            "iss": self.issuer, "sub": SUBJECT, "aud": audience, "iat": now, "exp": now + 3600, "auth_time": now,
            "name": "Reader", "groups": [GROUP], "clearance": "confidential", "jti": encode(hashlib.sha256(b"%d" % now).digest()),
        }

    def answer(self, request, path, asked):
        if path == "/.well-known/openid-configuration":
            return self.send(request, 200, {
                "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
                "response_types_supported": ["code"], "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"], "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["none"], "scopes_supported": ["openid"],
                "authorization_response_iss_parameter_supported": True,
            })
        if path == "/keys":
            return self.send(request, 200, {"keys": [self.jwk]})
        if path == "/authorize":
            code = encode(hashlib.sha256(asked["state"].encode()).digest())
            self.nonces[code] = asked.get("nonce")
            back = urllib.parse.urlencode({"code": code, "state": asked["state"], "iss": self.issuer})
            return self.send(request, 302, {}, f"{asked['redirect_uri']}?{back}")
        if path == "/token" and asked.get("code") in self.nonces:
            nonce = self.nonces.pop(asked["code"])
            identity = {**self.claims(CLIENT_ID), **({"nonce": nonce} if nonce else {})}
            return self.send(request, 200, {
                "access_token": self.sign("at+jwt", self.claims("bench-api")), "id_token": self.sign("JWT", identity),
                "token_type": "Bearer", "expires_in": 3600, "scope": "openid",
            })
        return self.send(request, 400, {"error": "invalid_grant"})

    @staticmethod
    def send(request, status, body, location=None):
        text = json.dumps(body).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(text)))
        if location:
            request.send_header("Location", location)
        request.end_headers()
        request.wfile.write(text)
