"""The rig of a bench: where processes run, the nginx that stands for a store, the nginx that is the peer, and the load.

Everything listens on 127.0.0.1. Origin and load share core 0, whatever is measured has core 1. Only processes
that were started here are stopped, each by its own id.
"""

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

KIB, MIB, GIB = 1024, 1024**2, 1024**3
CORES = sorted(os.sched_getaffinity(0))
LOAD_CORE, SUBJECT_CORE = CORES[0], CORES[-1]
TICKS = os.sysconf("SC_CLK_TCK")

# Prints what a run of wrk did in a form that needs no guessing.
WRK_REPORT = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("REPORT %d %d %d %d\\n", summary.requests, summary.bytes, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def need_tools(packages):
    """Installs what is missing of these tools (name → Debian's package) where that is possible, else says how."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = [package for tool, package in packages.items() if not shutil.which(tool)]
    if not missing:
        return
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(f"this bench needs {' and '.join(missing)}: install them (on Debian: {' '.join(command)})")
    # Debian starts nginx as it installs it, unless told not to.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=environment, stdout=subprocess.DEVNULL)
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


class Rig:
    """A folder in memory and the processes that were started in it."""

    def __init__(self):
        base = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self.folder = tempfile.mkdtemp(prefix="logboom-bench-", dir=base)
        os.chmod(self.folder, 0o755)
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(timeout=3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def start(self, name, command, core, port, env=None):
        """Starts a process on a core, or on several, and waits until it listens."""
        log = open(self.path(f"{name}.log"), "wb")
        pin = lambda: os.sched_setaffinity(0, {core} if isinstance(core, int) else core)
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env, preexec_fn=pin)
        self.processes.append(process)
        for _ in range(300):
            if process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return process.pid
            time.sleep(0.05)
        with open(log.name, errors="replace") as text:
            raise SystemExit(f"{name} does not answer:\n{text.read()[-3000:]}")

    def nginx(self, name, core, port, servers):
        """Starts nginx as one process, so that its id is the one whose time counts."""
        config = self.path(f"{name}.conf")
        with open(config, "w") as file:
            file.write(f"""
daemon off; master_process off; worker_rlimit_nofile 8192; pid {self.path(name + '.pid')}; error_log stderr crit;
events {{ worker_connections 8000; }}
http {{
  access_log off; server_tokens off; sendfile on; tcp_nopush on; tcp_nodelay on; default_type text/plain;
  keepalive_requests 100000000; keepalive_timeout 300s;
  client_body_temp_path {self.path('tmp')}; proxy_temp_path {self.path('tmp')}; fastcgi_temp_path {self.path('tmp')};
  uwsgi_temp_path {self.path('tmp')}; scgi_temp_path {self.path('tmp')};
  {servers}
}}
""")
        return self.start(name, ["nginx", "-e", "stderr", "-c", config], core, port)


def write_objects(rig, sizes, keys):
    """Objects that do not repeat, and one listing of so many keys, as S3 writes it."""
    os.makedirs(rig.path("files", "bucket"))
    block = b"".join(hashlib.sha256(b"%d" % i).hexdigest().encode() for i in range(MIB // 64))
    for size in sizes:
        with open(rig.path("files", "bucket", str(size)), "wb") as file:
            for start in range(0, size, MIB):
                file.write((b"%015d\n" % start + block)[: min(MIB, size - start)])
    contents = "".join(
        f"<Contents><Key>AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/23/111122223333_CloudTrail_{i:08}.json.gz</Key>"
        f"<LastModified>2026-11-23T14:00:00.000Z</LastModified><ETag>&quot;{i:032x}&quot;</ETag>"
        f"<Size>{i * 131}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for i in range(keys)
    )
    with open(rig.path("files", "list.xml"), "w") as file:
        file.write(
            '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>bucket</Name><Prefix></Prefix><KeyCount>{keys}</KeyCount><MaxKeys>{keys}</MaxKeys>"
            f"<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
        )


def make_certificate(rig):
    """A certificate for 127.0.0.1 that signs itself."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=origin", "-addext", "subjectAltName=IP:127.0.0.1,DNS:origin", "-addext", "basicConstraints=critical,CA:FALSE"]
    command += ["-keyout", rig.path("tls.key"), "-out", rig.path("tls.pem")]
    subprocess.run(command, check=True, capture_output=True)


class Origin:
    """A store that is never the bottleneck: files in memory, ranges, and one canned listing."""

    def __init__(self, rig):
        make_certificate(rig)
        self.port, self.tls_port = free_port(), free_port()
        rig.nginx("origin", LOAD_CORE, self.port, f"""
  ssl_certificate {rig.path('tls.pem')}; ssl_certificate_key {rig.path('tls.key')}; ssl_protocols TLSv1.3;
  server {{
    listen 127.0.0.1:{self.port} backlog=4096; listen 127.0.0.1:{self.tls_port} ssl backlog=4096; root {rig.path('files')};
    location = /allowed {{ return 204; }}
    rewrite ^/storage/v1/b/bucket/o/(.+)$ /bucket/$1 last;
    location ~ ^/bucket/?$ {{ default_type application/xml; rewrite ^ /list.xml break; }}
    location ~ ^/search-([a-z0-9]+)/?$ {{ default_type application/xml; rewrite ^/search-([a-z0-9]+) /list-$1.xml break; }}
    location / {{ }}
  }}""")


def start_peer(rig, origin):
    """nginx as a proxy, tuned fairly: with its default buffers it would be three to five times worse."""
    port = free_port()
    tuned = """proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_buffer_size 256k; proxy_buffers 4 256k; proxy_busy_buffers_size 256k;"""
    pid = rig.nginx("peer", SUBJECT_CORE, port, f"""
  upstream origin {{ server 127.0.0.1:{origin.port}; keepalive 128; keepalive_requests 100000000; }}
  upstream origin_tls {{ server 127.0.0.1:{origin.tls_port}; keepalive 128; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location /bucket {{ proxy_pass http://origin; {tuned} }}
    location /tls/ {{ proxy_pass https://origin_tls/; proxy_ssl_protocols TLSv1.3; proxy_ssl_verify on; proxy_ssl_name origin;
      proxy_ssl_trusted_certificate {rig.path('tls.pem')}; {tuned} }}
    location /checked/ {{ auth_request /ask; rewrite ^/checked(.*)$ $1 break; proxy_pass http://origin; {tuned} }}
    location = /ask {{ internal; proxy_pass http://origin/allowed; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_pass_request_body off; proxy_set_header Content-Length ""; }}
  }}""")
    return port, pid


def sha256(file):
    digest = hashlib.sha256()
    while piece := file.read(MIB):
        digest.update(piece)
    return digest.hexdigest()


def cpu_seconds(pid):
    """User and system time of a process, all its threads."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


class Target:
    """Something that answers: its process, its address, and the headers that it wants."""

    def __init__(self, name, pid, port, objects, headers=None, listing=None, tls_objects=None, clouds=None):
        self.name, self.pid, self.port, self.headers = name, pid, port, headers or {}
        self.objects, self.tls_objects, self.listing = objects, tls_objects, listing
        self.clouds = clouds or {"gcp": objects, "azure": objects}
        self.connection = None

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def fetch(self, path):
        """Status and sha256 of an answer."""
        request = urllib.request.Request(self.url(path), headers=self.headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, sha256(answer)
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{self.name} answers {error.code} for {path}: {error.read(500)}") from None


def load(rig, target, path, connections, seconds):
    """One run of wrk. Gives requests/s, bytes/s, and CPU seconds of the target per request and per GiB."""
    script = rig.path("report.lua")
    if not os.path.exists(script):
        with open(script, "w") as file:
            file.write(WRK_REPORT)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", script]
    for name, value in target.headers.items():
        command += ["-H", f"{name}: {value}"]
    before = cpu_seconds(target.pid)
    pin = lambda: os.sched_setaffinity(0, {LOAD_CORE})
    result = subprocess.run(
        [*command, target.url(path)], capture_output=True, text=True, preexec_fn=pin, timeout=seconds + 60
    )
    cpu = cpu_seconds(target.pid) - before
    report = next((line for line in result.stdout.splitlines() if line.startswith("REPORT")), None)
    if report is None:
        raise SystemExit(f"wrk says nothing of {target.name}: {result.stdout}{result.stderr}")
    requests, sent, micros, errors = map(int, report.split()[1:])
    if errors:
        raise SystemExit(f"{target.name} failed {errors} of {requests} requests for {path}: {result.stdout}")
    wall = micros / 1e6
    return {
        "requests": requests / wall,
        "bytes": sent / wall,
        "cpu_request": cpu / max(requests, 1),
        "cpu_gib": cpu / max(sent, 1) * GIB,
    }
