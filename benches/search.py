"""Measures searching through Logboom beside what a user would type instead, in one run, and prints ratios.

Usage: search.py [--quick] [--write]

64 objects of JSON lines (16 hours of 4 services, 1 GiB as plain text) lie behind an nginx on loopback. Logboom searches
them over HTTP, with a session and a permission, and gives the records in order of time; the shell fetches each object,
takes the coding off, greps, and merges with `sort -m`. Both may use every core. Rounds are interleaved in random order;
CPU seconds are those of everything but the origin. The lines found are compared, byte for byte.
"""

import argparse
import datetime
import json
import os
import random
import resource
import signal
import subprocess
import time

import rig as bench
import subject
from rig import GIB, MIB
from read import commit, spread

HOURS, SERVICES = 16, 4
TOOLS = {"nginx": "nginx", "rg": "ripgrep", "zstd": "zstd", "igzip": "isal", "curl": "curl", "xargs": "findutils"}
# What is looked for: in about one line of ten, and in about one of fifty thousand.
COMMON, RARE = '"level":"ERROR"', '"code":"E4017"'
CODINGS = {
    "gzip": {"suffix": "gz", "shells": {"zcat": "zcat", "igzip": "igzip -dc"}, "limit": "igzip -dc", "must": 2.5},
    "zstd": {"suffix": "zst", "shells": {"zstd": "zstd -dcq"}, "limit": "zstd -dcq", "must": 2.0},
    "plain": {"suffix": "json", "shells": {"rg": "cat"}, "limit": "cat", "must": 1.0},
}

SETTINGS = """
[buckets.search-{coding}]
provider = "aws"
name = "search-{coding}"
region = "eu-west-1"
endpoint = "http://127.0.0.1:{port}"
owner = "bench-readers"
label = "confidential"
credential = "origin"

[buckets.search-{coding}.logs]
layouts = ["{{yyyy}}-{{MM}}-{{dd}}-{{HH}}-*"]
"""


def write_hour(file, hour, service, size, seed):
    """One object: lines in order of time, none like another."""
    dice = random.Random(seed)
    begin = datetime.datetime(2026, 11, 23, hour)
    messages = ["payment accepted", "ledger answered", "retry scheduled", "cache refreshed", "token verified", "request finished"]
    mean, written, lines = 330, 0, []
    step = 3600 * mean / size
    at = 0.0
    while written < size and at < 3599.9:
        at += step * dice.uniform(0.5, 1.45)
        chance = dice.random()
        level = "ERROR" if chance < 0.1 else "WARN" if chance < 0.25 else "INFO"
        code = "E4017" if chance < 0.00002 else f"E{dice.randrange(1000, 4000)}"
        line = (
            f'{{"time":"{(begin + datetime.timedelta(seconds=at)).isoformat(timespec="microseconds")}Z","level":"{level}",'
            f'"service":"svc-{service}","message":"{dice.choice(messages)}","code":"{code}","status":{dice.choice((200, 200, 201, 404, 502))},'
            f'"duration_ms":{dice.randrange(1, 5000)},"request_id":"{dice.getrandbits(96):024x}","trace":"{dice.getrandbits(128):032x}",'
            f'"path":"/v1/payments/{dice.randrange(10**7)}","client":"10.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(256)}"}}\n'
        )
        lines.append(line)
        written += len(line)
    file.write("".join(lines).encode())


def write_objects(rig, size):
    """The objects in each coding, eight times as many of the gzip ones by links, and their listings."""
    for coding in (*CODINGS, "gzip8"):
        os.makedirs(rig.path("files", f"search-{coding}"))
    plain = rig.path("files", "search-plain")
    children = []
    for service in range(SERVICES):
        child = os.fork()
        if child == 0:
            for hour in range(HOURS):
                with open(os.path.join(plain, f"2026-11-23-{hour:02}-svc{service}.json"), "wb") as file:
                    write_hour(file, hour, service, size, hour * 100 + service)
            os._exit(0)
        children.append(child)
    for child in children:
        if os.waitpid(child, 0)[1]:
            raise SystemExit("the objects could not be written")
    names = "ls | xargs -P2 -I{} sh -c"
    for coding, command in (("gzip", "gzip -6 -c"), ("zstd", "zstd -3qc")):
        target = rig.path("files", f"search-{coding}", "{}." + CODINGS[coding]["suffix"])
        subprocess.run(f"{names} '{command} {{}} > {target}'", shell=True, cwd=plain, check=True)
    gzip = rig.path("files", "search-gzip")
    for name in os.listdir(gzip):
        for copy in range(8):
            os.link(os.path.join(gzip, name), rig.path("files", "search-gzip8", name.replace("-svc", f"-{copy}svc")))
    for coding in (*CODINGS, "gzip8"):
        write_listing(rig, coding)


def write_listing(rig, coding):
    folder = rig.path("files", f"search-{coding}")
    entries = []
    for name in sorted(os.listdir(folder)):
        stat = os.stat(os.path.join(folder, name))
        # The etag as nginx makes it.
        entries.append(
            f"<Contents><Key>{name}</Key><LastModified>2026-11-24T00:10:00.000Z</LastModified>"
            f"<ETag>&quot;{int(stat.st_mtime):x}-{stat.st_size:x}&quot;</ETag><Size>{stat.st_size}</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
        )
    with open(rig.path("files", f"list-{coding}.xml"), "w") as file:
        file.write(
            '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>search-{coding}</Name><Prefix></Prefix><KeyCount>{len(entries)}</KeyCount><MaxKeys>1000</MaxKeys>"
            f"<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>{''.join(entries)}</ListBucketResult>"
        )


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measured(work, pid=None):
    """Wall and CPU seconds of some work: of the processes that it starts, and of one that serves."""
    served = bench.cpu_seconds(pid) if pid else 0
    cpu, began = children_seconds(), time.perf_counter()
    work()
    wall = time.perf_counter() - began
    served = (bench.cpu_seconds(pid) if pid else 0) - served
    return {"wall": wall, "cpu": children_seconds() - cpu + served}


class Search:
    """One question, put to Logboom and to the shell."""

    def __init__(self, rig, origin, logboom, coding, text):
        self.rig, self.origin, self.logboom, self.coding, self.text = rig, origin, logboom, coding, text
        folder = rig.path("files", f"search-{coding}")
        with open(rig.path("urls"), "w") as file:
            file.writelines(f"http://127.0.0.1:{origin.port}/search-{coding}/{name}\n" for name in sorted(os.listdir(folder)))

    def ask(self):
        cookie = self.logboom.headers["Cookie"]
        command = ["curl", "-sfN", "-G", "-o", self.rig.path("answer"), "-H", f"Cookie: {cookie}", self.logboom.url("/api/v1/logs")]
        query = {"bucket": f"search-{self.coding}", "from": "2026-11-23T00:00:00Z", "to": "2026-11-24T00:00:00Z"}
        query["q"] = '"' + self.text.replace('"', '\\"') + '"'
        for name, value in query.items():
            command += ["--data-urlencode", f"{name}={value}"]
        subprocess.run(command, check=True)

    def shell(self, decode):
        """Each object by itself, two at once, then merged; this is where the shell is at its best."""
        self.parts = self.rig.path("parts")
        os.makedirs(self.parts, exist_ok=True)
        for name in os.listdir(self.parts):
            os.remove(os.path.join(self.parts, name))
        one = f"curl -sf {{}} | {decode} | rg -F -- {json.dumps(self.text)} > {self.parts}/$(basename {{}})"
        if decode == "cat":
            one = one.replace("| cat ", "")
        script = self.rig.path("one.sh")
        with open(script, "w") as file:
            file.write(one.replace("{}", '"$1"') + "\nexit 0\n")
        command = f"xargs -P{len(bench.CORES)} -n1 sh {script} < {self.rig.path('urls')} && LC_ALL=C sort -m {self.parts}/* > {self.rig.path('merged')}"
        subprocess.run(command, shell=True, check=True)

    def inflate(self, decode):
        """The limit: every object's coding taken off from memory, nothing looked for."""
        folder = self.rig.path("files", f"search-{self.coding}")
        command = f"ls {folder}/* | xargs -P{len(bench.CORES)} -n1 sh -c '{decode} $0 > /dev/null'"
        subprocess.run(command, shell=True, check=True)

    def compare(self):
        """Logboom's lines are the shell's, in the same order."""
        with open(self.rig.path("answer")) as file:
            lines = [json.loads(line) for line in file]
        summary = lines.pop()
        if summary["type"] != "summary" or not summary["complete"]:
            raise SystemExit(f"the search is not complete: {summary}")
        with open(self.rig.path("merged")) as file:
            expected = file.read().splitlines()
        if [line["line"] for line in lines] != expected:
            raise SystemExit(f"Logboom found {len(lines)} lines, the shell {len(expected)}, or in another order")
        return len(expected)


def first_record(search):
    """Seconds from the request to the first record."""
    command = ["curl", "-sN", "-G", "-H", f"Cookie: {search.logboom.headers['Cookie']}", search.logboom.url("/api/v1/logs")]
    command += ["-d", f"bucket=search-{search.coding}", "-d", "from=2026-11-23T00:00:00Z", "-d", "to=2026-11-24T00:00:00Z"]
    began = time.perf_counter()
    with subprocess.Popen([*command, "-d", "q=ERROR"], stdout=subprocess.PIPE) as process:
        process.stdout.read(1)
        elapsed = time.perf_counter() - began
        process.kill()
    return elapsed


def rows(rig, origin, logboom, rounds, raw):
    """A row for each coding and question."""
    yield "| what | found | CPU | wall | Logboom's own figures |"
    yield "| --- | --- | --- | --- | --- |"
    for coding, setup in CODINGS.items():
        for text, name in ((COMMON, "1 line of 10"), (RARE, "few lines")):
            search = Search(rig, origin, logboom, coding, text)
            works = {"logboom": search.ask} | {peer: (lambda decode=decode: search.shell(decode)) for peer, decode in setup["shells"].items()}
            works["limit"] = lambda: search.inflate(setup["limit"])
            results = {work: [] for work in works}
            for work in works.values():
                work()
            found = search.compare()
            for _ in range(rounds):
                for work in random.sample(list(works), len(works)):
                    results[work].append(measured(works[work], logboom.pid if work == "logboom" else None))
            mine = results["logboom"]
            speed = raw / MIB / sorted(result["cpu"] for result in mine)[len(mine) // 2]
            own = f"{speed:.0f} MiB of text per CPU second"
            for peer in (*setup["shells"], "limit"):
                ratio = {field: spread(theirs[field] / ours[field] for ours, theirs in zip(mine, results[peer])) for field in ("cpu", "wall")}
                what = f"`{setup['limit']}` alone" if peer == "limit" else f"`{peer} \\| rg`, `sort -m`" if peer != "rg" else "`rg`, `sort -m`"
                yield f"| {coding}, {name}, against {what} | {found} | {ratio['cpu']} | {ratio['wall']} | {own} |"
                own = ""


def memory(rig, origin, coding):
    """Peak resident memory of a process that did one search, MiB."""
    with bench.Rig() as own:
        for name in ("tls.pem",):
            os.link(rig.path(name), own.path(name))
        logboom = subject.start(own, origin, settings(origin), set(bench.CORES))
        search = Search(rig, origin, logboom, coding, COMMON)
        search.ask()
        with open(f"/proc/{logboom.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) / 1024


def settings(origin):
    return "".join(SETTINGS.format(coding=coding, port=origin.port) for coding in (*CODINGS, "gzip8"))


def measure(options):
    rounds, size = (3, 2 * MIB) if options.quick else (5, 16 * MIB)
    with bench.Rig() as rig:
        write_objects(rig, size)
        plain = rig.path("files", "search-plain")
        raw = sum(os.stat(os.path.join(plain, name)).st_size for name in os.listdir(plain))
        yield f"{HOURS * SERVICES} objects, {raw / GIB:.2f} GiB of text in all."
        yield ""
        origin = bench.Origin(rig)
        logboom = subject.start(rig, origin, settings(origin), set(bench.CORES))
        yield from rows(rig, origin, logboom, rounds, raw)
        yield ""
        search = Search(rig, origin, logboom, "gzip", COMMON)
        times = sorted(first_record(search) * 1000 for _ in range(15))
        yield f"- First record, from the request on, median of 15: {times[7]:.0f} ms."
        for coding, name in (("gzip", "once"), ("gzip8", "eight times as much")):
            yield f"- Peak resident memory of a process after one search of the gzip objects, {name}: {memory(rig, origin, coding):.0f} MiB."


PREFACE = """# How fast searching is

`make bench-search` measures it and `make bench-search ARGS=--write` writes this page. Logboom answers over HTTP, with a session looked up
and a permission decided for each object, and gives records in order of time as NDJSON; its figures include the `curl` that takes the answer.
The shell does what a user would do instead: `xargs` over `curl | decode | rg -F`, one process for each core, then `sort -m`. Each ratio is the other's time
by Logboom's in the same round, median (smallest–largest): **above 1 Logboom is faster**. CPU counts every process but the origin. `… alone` is the limit:
the best decoder of Debian on files in memory, without fetching, searching or ordering. The lines found are compared byte for byte.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="an eighth of the data, fewer rounds")
    parser.add_argument("--write", action="store_true", help="write docs/performance-search.md")
    options = parser.parse_args()
    bench.need_tools(TOOLS)
    signal.alarm(900)
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(SystemExit("the bench took too long")))
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(SystemExit("stopped")))
    today = datetime.date.today().isoformat()
    lines = [f"Measured at commit {commit()} on {today}, {len(bench.CORES)} cores, {'quick' if options.quick else 'full'} run.", ""]
    print("\n".join(lines))
    for line in measure(options):
        print(line, flush=True)
        lines.append(line)
    if options.write:
        # What people wrote below the figures stays.
        with open("docs/performance-search.md") as file:
            below = file.read().partition("\n## ")
        with open("docs/performance-search.md", "w") as file:
            file.write(PREFACE + "\n" + "\n".join(lines) + "\n" + "".join(below[1:]))


if __name__ == "__main__":
    main()
