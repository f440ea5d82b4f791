"""Logboom as the measured process: a bucket at the origin, ten policies, and a reader who logged in."""

import base64
import http.client
import os
import urllib.parse

import identity
import rig as bench

BINARY = os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "release", "logboom")

# Limits that protect a service from one caller would only stop the load here; everything else is as by default.
SETTINGS = """
[http]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"
max_requests_in_flight = 8192

[limits]
requests_per_second = 10000000
burst = 10000000
streams_per_principal = 4096

[state]
url = "sqlite://{folder}/state.db"

[session]
key = "file:{folder}/session.key"

[policies]
directory = "{folder}/policies"

[identity]
issuer = "{issuer}"
client_id = "bench"
public_client = true
allow_loopback_http = true
audiences = ["bench-api"]
algorithms = ["RS256"]
scopes = ["openid"]

[identity.claims]
name = "name"
groups = "groups"
clearance = "clearance"
keep_groups = ["bench-readers"]

[stores]
concurrent = 4096
queue = 4096
extra_ca = "{folder}/tls.pem"

[credentials.origin]
kind = "aws-keys"
access_key_id = "file:{folder}/session.key"
secret_access_key = "file:{folder}/session.key"

[credentials.nobody]
kind = "anonymous"

[buckets.bench-gcp]
provider = "gcp"
name = "bucket"
endpoint = "http://127.0.0.1:{origin.port}"
owner = "bench-readers"
label = "confidential"
credential = "nobody"

[buckets.bench-azure]
provider = "azure"
name = "bucket"
account = "account"
endpoint = "http://127.0.0.1:{origin.port}"
owner = "bench-readers"
label = "confidential"
credential = "nobody"

[buckets.bench]
provider = "aws"
name = "bucket"
region = "eu-west-1"
endpoint = "http://127.0.0.1:{origin.port}"
owner = "bench-readers"
label = "confidential"
credential = "origin"

[buckets.bench-tls]
provider = "aws"
name = "bucket"
region = "eu-west-1"
endpoint = "https://127.0.0.1:{origin.tls_port}"
owner = "bench-readers"
label = "confidential"
credential = "origin"
"""

POLICY = """
@id("readers-{number}")
permit (
    principal in Group::"{group}",
    action in [Action::"ListObjects", Action::"ReadObject"],
    resource
)
when {{
    resource in Bucket::"bench" || resource in Bucket::"bench-tls" || resource in Bucket::"bench-gcp"
        || resource in Bucket::"bench-azure" || resource in Bucket::"search-gzip" || resource in Bucket::"search-zstd"
        || resource in Bucket::"search-plain" || resource in Bucket::"search-gzip8"
}};
"""


def start(rig, origin, more="", core=bench.SUBJECT_CORE):
    """Starts Logboom and logs in; gives the target that carries the session's cookie. `more` is added to the settings."""
    if not os.path.exists(BINARY):
        raise SystemExit(f"{BINARY} is missing: run `cargo build --release --locked` first")
    port, idp_port = bench.free_port(), bench.free_port()
    idp = identity.Provider(rig.folder, idp_port)
    os.makedirs(rig.path("policies"))
    for number in range(10):
        group = identity.GROUP if number == 0 else f"others-{number}"
        with open(rig.path("policies", f"{number}.cedar"), "w") as file:
            file.write(POLICY.format(number=number, group=group))
    with open(rig.path("session.key"), "w") as file:
        file.write(base64.b64encode(os.urandom(32)).decode())
    config = rig.path("logboom.toml")
    with open(config, "w") as file:
        file.write(SETTINGS.format(port=port, folder=rig.folder, issuer=idp.issuer, origin=origin) + more)
    pid = rig.start("logboom", [BINARY, "serve", "--config", config], core, port)
    cookie = log_in(port)
    of = "/api/v1/buckets/{}/objects".format
    return bench.Target(
        "logboom",
        pid,
        port,
        of("bench") + "/",
        headers={"Cookie": cookie},
        listing=of("bench") + "?limit=1000",
        tls_objects=of("bench-tls") + "/",
        clouds={cloud: of(f"bench-{cloud}") + "/" for cloud in ("gcp", "azure")},
    )


def log_in(port):
    """Walks the login as a browser does and gives the cookie of the session."""
    cookies, url = {}, f"http://127.0.0.1:{port}/auth/login?return_to=/"
    for _ in range(6):
        place = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=10)
        ours = place.port == port
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if ours and cookies else {}
        connection.request("GET", f"{place.path}?{place.query}", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        for line in answer.headers.get_all("Set-Cookie") or []:
            pair, _, attributes = line.partition(";")
            name, _, value = pair.partition("=")
            if value and "max-age=0" not in attributes.lower():
                cookies[name.strip()] = value.strip()
            else:
                cookies.pop(name.strip(), None)
        if place.path == "/auth/callback" and answer.status < 400 and cookies:
            return "; ".join(f"{name}={value}" for name, value in cookies.items())
        if not answer.headers.get("Location"):
            raise SystemExit(f"the login stopped at {place.path} with {answer.status}: {body[:300]}")
        url = urllib.parse.urljoin(url, answer.headers["Location"])
    raise SystemExit("the login goes round in circles")
