"""Measures reading through Logboom beside a well-tuned nginx, in one run, and prints ratios.

Usage: read.py [--quick] [--write] [--peer-only]

Rounds are interleaved in random order; each ratio is of one round, the median is shown with the smallest and the
largest. Absolute figures belong to this machine and its neighbours. A full run takes under 8 minutes.
"""

import argparse
import datetime
import random
import shutil
import signal
import socket
import statistics
import subprocess
import time

import rig as bench
import subject
from rig import KIB, MIB

SIZES = [4 * KIB, 256 * KIB, 8 * MIB, 256 * MIB]
CONNECTIONS = [1, 16, 64]
KEYS = 1000
SECONDS = 1


def name_of(size):
    return f"{size // MIB} MiB" if size >= MIB else f"{size // KIB} KiB"


def spread(values, digits=2):
    """Median, smallest and largest."""
    values = list(values)
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def rounds_of(rig, runs, rounds):
    """Runs each of `runs` (name → target, path, connections) once in each round, in random order."""
    results = {name: [] for name in runs}
    for _ in range(rounds):
        for name in random.sample(list(runs), len(runs)):
            target, path, connections = runs[name]
            results[name].append(bench.load(rig, target, path, connections, SECONDS))
    return results


def ratios(results, name, peer, field):
    return [mine[field] / theirs[field] for mine, theirs in zip(results[name], results[peer]) if theirs[field]]


def check_bytes(rig, targets, sizes):
    """Every target gives exactly the bytes of each object."""
    for size in sizes:
        with open(rig.path("files", "bucket", str(size)), "rb") as file:
            expect = bench.sha256(file)
        for target in targets:
            for objects in filter(None, (target.objects, target.tls_objects, *target.clouds.values())):
                status, digest = target.fetch(objects + str(size))
                if (status, digest) != (200, expect):
                    raise SystemExit(f"{target.name} does not give the {name_of(size)} object as it is (status {status})")


def objects_table(rig, peer, logboom, sizes, connections, rounds):
    yield "| object · connections | requests/s | CPU per request | bytes/s | CPU per GiB | Logboom's own figures |"
    yield "| --- | --- | --- | --- | --- | --- |"
    rows = [(size, count, "", lambda target: target.objects) for size in sizes for count in connections]
    tls = lambda target: target.tls_objects
    rows += [(8 * MIB, count, ", TLS to the store", tls) for count in connections if count != 64]
    rows += [(8 * MIB, 16, ", Google's protocol", lambda target: target.clouds["gcp"])]
    rows += [(8 * MIB, 16, ", Azure's protocol", lambda target: target.clouds["azure"])]
    for size, count, label, objects in rows:
        runs = {target.name: (target, objects(target) + str(size), count) for target in (logboom, peer)}
        results = rounds_of(rig, runs, rounds)
        fields = ("requests", "cpu_request", "bytes", "cpu_gib")
        cells = [spread(ratios(results, logboom.name, peer.name, field)) for field in fields]
        if size >= 8 * MIB:
            # Few requests end within a run, so requests say nothing here.
            cells[:2] = ["–", "–"]
        yield f"| {name_of(size)}{label} · {count} | {' | '.join(cells)} | {own_figures(results[logboom.name], size)} |"


def own_figures(results, size):
    middle = lambda field: statistics.median(result[field] for result in results)
    if size >= 8 * MIB:
        return f"{middle('bytes') / MIB:.0f} MiB/s, {middle('cpu_gib'):.2f} CPU s/GiB"
    return f"{middle('requests'):.0f}/s, {middle('cpu_request') * 1e6:.0f} CPU µs"


def checked_table(rig, checked, logboom, connections, rounds):
    """The checked 4 KiB request: nginx asks a trivial service each time, Logboom looks up a session and decides."""
    yield "| 4 KiB, checked · connections | requests/s | CPU per request | control: nginx against itself |"
    yield "| --- | --- | --- | --- |"
    for count in connections:
        path = str(4 * KIB)
        runs = {
            "logboom": (logboom, logboom.objects + path, count),
            "nginx": (checked, checked.objects + path, count),
            "again": (checked, checked.objects + path, count),
        }
        results = rounds_of(rig, runs, rounds)
        cells = [spread(ratios(results, "logboom", "nginx", field)) for field in ("requests", "cpu_request")]
        cells.append(spread(ratios(results, "again", "nginx", "cpu_request")))
        yield f"| {count} | {' | '.join(cells)} |"


def listing_line(rig, peer, logboom, rounds):
    runs = {"logboom": (logboom, logboom.listing, 16), "nginx": (peer, peer.listing, 16)}
    results = rounds_of(rig, runs, rounds)
    keys = [KEYS / result["cpu_request"] / 1000 for result in results["logboom"] if result["cpu_request"]]
    cost = ratios(results, "logboom", "nginx", "cpu_request")
    yield f"Listing 1,000 keys a page: {spread(keys, 0)} thousand keys/s per core; CPU {spread(cost, 1)} × an nginx that passes the XML on."


def first_byte(target, path, size):
    """Seconds from a request to the first byte of its body, on a connection that is warm."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in target.headers.items())
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\n{headers}\r\n".encode()
    if target.connection is None:
        target.connection = socket.create_connection(("127.0.0.1", target.port), timeout=30)
    connection = target.connection
    started = time.perf_counter()
    connection.sendall(request)
    got = b""
    while b"\r\n\r\n" not in got or got.endswith(b"\r\n\r\n"):
        piece = connection.recv(64 * KIB)
        if not piece:
            raise SystemExit(f"{target.name} closed the connection: {got[:200]}")
        got += piece
    elapsed = time.perf_counter() - started
    left = size - (len(got) - got.index(b"\r\n\r\n") - 4)
    while left > 0:
        left -= len(connection.recv(min(left, MIB)))
    return elapsed


def first_byte_lines(peer, logboom, quick):
    for size, count in ((4 * KIB, 200 if quick else 1000), (8 * MIB, 30 if quick else 150)):
        times = {peer: [], logboom: []}
        for _ in range(count):
            for target in random.sample([peer, logboom], 2):
                times[target].append(first_byte(target, target.objects + str(size), size))
        mine, theirs = (statistics.median(times[target]) * 1e6 for target in (logboom, peer))
        yield f"First byte of {name_of(size)}, median of {count}: {mine / theirs:.2f} × nginx ({mine:.0f} µs against {theirs:.0f} µs)."


def slow_readers(target, path, count, seconds):
    """KiB of resident memory for each of so many readers that take 16 KiB a second."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in target.headers.items())
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\n{headers}\r\n".encode()
    before = bench.resident_kib(target.pid)
    readers, peak = [], 0
    try:
        for _ in range(count):
            reader = socket.socket()
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * KIB)
            reader.settimeout(20)
            reader.connect(("127.0.0.1", target.port))
            reader.sendall(request)
            readers.append(reader)
        for reader in readers:
            head = reader.recv(4 * KIB)
            if b" 200 " not in head[:20]:
                raise SystemExit(f"{target.name} refuses a slow reader: {head[:200]}")
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for reader in readers:
                reader.recv(4 * KIB)
            peak = max(peak, bench.resident_kib(target.pid))
            time.sleep(0.25)
    finally:
        for reader in readers:
            reader.close()
    time.sleep(0.5)
    return (peak - before) / count


def memory_lines(rig, origin, peer, fresh, quick):
    """Each figure of Logboom's is of a process of its own: one that served before has memory at hand."""

    def each(objects, count):
        with bench.Rig() as own:
            shutil.copy(rig.path("tls.pem"), own.path("tls.pem"))
            target = fresh(own, origin)
            return slow_readers(target, objects(target) + str(256 * MIB), count, 4)

    for count in (500,) if quick else (500, 1000):
        mine = each(lambda target: target.objects, count)
        theirs = slow_readers(peer, peer.objects + str(256 * MIB), count, 4)
        yield f"{count} slow readers of 256 MiB: {mine:.0f} KiB resident each; nginx {theirs:.0f} KiB."
    for cloud, name in (("gcp", "Google's"), ("azure", "Azure's")):
        mine = each(lambda target: target.clouds[cloud], 500)
        yield f"500 slow readers of 256 MiB over {name} protocol: {mine:.0f} KiB resident each."


def commit():
    result = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return result.stdout.strip() or "unknown"


def measure(options):
    """The report, line by line."""
    sizes = [4 * KIB, 8 * MIB] if options.quick else SIZES
    connections = [16] if options.quick else CONNECTIONS
    rounds = 3 if options.quick else 7
    with bench.Rig() as rig:
        bench.write_objects(rig, sorted({*sizes, 256 * MIB}), KEYS)
        origin = bench.Origin(rig)
        port, pid = bench.start_peer(rig, origin)
        nginx = lambda name: bench.Target(
            name, pid, port, "/bucket/", listing="/bucket/?list-type=2", tls_objects="/tls/bucket/"
        )
        peer, checked = nginx("nginx"), bench.Target("nginx with auth_request", pid, port, "/checked/bucket/")
        fresh = (lambda *_: nginx("nginx again")) if options.peer_only else subject.start
        logboom = fresh(rig, origin)
        check_bytes(rig, [peer, checked, logboom], sizes)
        for target in (peer, checked, logboom):
            bench.load(rig, target, target.objects + str(4 * KIB), 16, SECONDS)
        yield from objects_table(rig, peer, logboom, sizes, connections, rounds)
        yield ""
        yield from checked_table(rig, checked, logboom, connections, rounds)
        yield ""
        yield from (f"- {line}" for line in listing_line(rig, peer, logboom, rounds))
        yield from (f"- {line}" for line in first_byte_lines(peer, logboom, options.quick))
        yield from (f"- {line}" for line in memory_lines(rig, origin, peer, fresh, options.quick))


PREFACE = """# How fast reading is

`make bench-read` measures it and `make bench-read ARGS=--write` writes this page. Each figure is a ratio of Logboom to nginx
(a proxy before the same origin: upstream keep-alive, `proxy_buffering off`, `proxy_buffer_size 256k`) in the same round:
median (smallest–largest). Below 1 is better for CPU, above 1 for requests/s and bytes/s. Every request of Logboom's has
a session looked up and a permission decided; nginx checks nothing, except where the table says `checked`: there it asks a
trivial service by `auth_request`. Logboom writes its log lines as by default, to a file in memory; nginx writes none.
Origin and load share core 0, the measured process has core 1.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer sizes and rounds, under 90 seconds")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    parser.add_argument("--peer-only", action="store_true", help="nginx against itself: the noise of this machine")
    options = parser.parse_args()
    bench.need_tools({"nginx": "nginx", "wrk": "wrk"})
    signal.alarm(90 if options.quick else 480)
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(SystemExit("the bench took too long")))
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(SystemExit("stopped")))
    today = datetime.date.today().isoformat()
    lines = [f"Measured at commit {commit()} on {today}, {len(bench.CORES)} cores, {'quick' if options.quick else 'full'} run.", ""]
    print("\n".join(lines))
    for line in measure(options):
        print(line, flush=True)
        lines.append(line)
    if options.write:
        with open("docs/performance.md", "w") as file:
            file.write(PREFACE + "\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
