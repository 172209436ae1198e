#!/usr/bin/env python3
"""The fault matrix: what breaks on purpose, and whether what is lost is what is reported.

    tests/soak/matrix.py [--short | --list] [WORD...]

Each row is a pipeline of zlog processes, a fault, and a number of publishers and of readers. `zlog canary`
sends numbered records into it; the readers are `zlog tail`s and the file of a relay. After the fault has
passed, this program reads every number from 0 to N of each publisher at each end, and compares what is
missing with what that end has reported. Prints a table; exit code 1: a row does not hold.

WORDs select rows: all of them must occur in the row's name. --short runs a few small rows, as the
test suite does. ZLOG names the program (target/release/zlog), CC a compiler for tests/data/clock.

Runs itself in namespaces of its own (network, mounts, processes), where that is allowed. Otherwise rows
that need them are left out, and it says so.
"""
import json, os, re, resource, shutil, signal, socket, subprocess, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

HERE = os.path.dirname(os.path.abspath(__file__))
ZLOG = os.path.abspath(os.environ.get("ZLOG", "target/release/zlog"))
INSIDE = "ZLOG_MATRIX_INSIDE"
SHORT = "--short" in sys.argv
# How long the load lasts, and how long the fault, which begins in its first third.
LOAD, FAULT = (2, 0.6) if SHORT else (12, 5)
# For all that should happen by itself.
DEADLINE = 60
# Rows of one or two publishers and readers that run at the same time.
TOGETHER = 4
LEFT_OUT = "left out: no namespaces"
# A stuck reader is disconnected after this time.
STALL = "2s"
LINE = "%(name)s %(message)s"
RELAY_KILLS = 2 if SHORT else 5


@dataclass(frozen=True)
class Row:
    path: str
    fault: str
    publishers: int = 1
    readers: int = 1
    on_full: str = "block"
    # Records of each publisher a second.
    rate: int = 1000
    # How long they send, in seconds.
    load: float = LOAD

    @property
    def size(self):
        """Length of a message: a shorter one was cut. Those for a stuck reader are more than fits in buffers."""
        return 2000 if self.fault == "reader stuck" else 100

    @property
    def name(self):
        return f"{self.path}, {self.fault}, {self.publishers} × {self.readers}, {self.on_full}"


PATHS = ("direct", "relay", "two relays", "SocketHandler", "confirmed")
RELAYED = PATHS[1:]


# What a SocketHandler has sent to a relay that is killed, and what it drops until it is connected again,
# nobody can count: it gets no answers, and the next relay numbers anew.
NOT_PROMISED = {("SocketHandler", "relay killed")}


def rows():
    """Each fault meets each path at which it makes sense, and each size meets the worst faults."""
    yield from (Row(path, "none") for path in PATHS)
    yield from (Row(path, "reader stopped") for path in PATHS)
    yield from (Row(path, "reader stopped", on_full="drop", rate=10_000) for path in ("direct", "relay", "two relays"))
    yield from (Row(path, "reader killed", readers=2) for path in PATHS)
    yield from (Row(path, "relay killed") for path in RELAYED)
    yield from (Row(path, f"writer {name}") for name in ("SIGINT", "SIGTERM", "SIGKILL") for path in PATHS)
    yield from (Row(path, "partition") for path in PATHS)
    yield Row("relay", "long partition", rate=200, load=120)
    yield from (Row(path, "disk full") for path in PATHS)
    yield from (Row(path, "descriptors exhausted") for path in PATHS)
    yield from (Row(path, "clock set") for path in PATHS)
    yield from (Row(path, "reload storm") for path in PATHS)
    yield from (Row("relay", "relay killed", n, 1, rate=5000 // n) for n in (50, 200))
    yield from (Row("confirmed", "relay killed", n, 1, rate=2500 // n) for n in (50, 200))
    yield from (Row("confirmed", "writer SIGKILL", n, 1, rate=2500 // n) for n in (50, 200))
    yield from (Row("relay", "writer SIGKILL", n, 1, rate=5000 // n) for n in (50, 200))
    yield from (Row(path, "reader stuck", 1, n, on_full, 200)
                for path in ("direct", "relay") for on_full in ("drop", "block") for n in (30, 200)
                if (path, on_full) != ("direct", "block"))
    yield from (Row("relay", "relay killed", 1, n, rate=200) for n in (30, 200))
    yield Row("relay", "reader stuck", 50, 30, "drop", 10)
    yield Row("relay", "reader stuck", 200, 30, "block", 5)
    yield Row("relay", "reader stuck", 200, 200, "drop", 2)
    yield Row("confirmed", "relay killed", 50, 30, rate=10)


def short_rows():
    yield Row("direct", "reader stopped")
    yield Row("relay", "relay killed", publishers=2)
    yield Row("two relays", "writer SIGTERM")
    yield Row("SocketHandler", "reload storm")
    yield Row("confirmed", "relay killed")
    yield Row("confirmed", "writer SIGKILL")
    yield Row("confirmed", "descriptors exhausted", rate=3000)


class Process:
    """A zlog. What it writes to stderr is kept over its restarts."""

    def __init__(self, run, name, *args, prefix=(), stdout=subprocess.DEVNULL):
        self.run, self.name, self.args, self.prefix, self.stdout = run, name, args, prefix, stdout
        self.errors = f"{run.work}/{name}.err"
        self.start()

    def start(self):
        stdout = open(self.stdout, "ab") if isinstance(self.stdout, str) else self.stdout
        with open(self.errors, "ab") as errors:
            self.child = subprocess.Popen([*self.prefix, ZLOG, *self.args], stdin=subprocess.DEVNULL,
                                          stdout=stdout, stderr=errors, env=self.run.environment)
        if stdout is not self.stdout:
            stdout.close()

    def send(self, number):
        self.child.send_signal(number)

    def end(self, number=signal.SIGTERM):
        if self.child.poll() is None:
            self.send(number)
        return self.wait()

    def wait(self, within=DEADLINE):
        try:
            return self.child.wait(within)
        except subprocess.TimeoutExpired:
            self.run.wrong.append(f"{self.name} does not end")
            self.child.kill()
            return self.child.wait()

    def restart(self):
        self.child.kill()
        self.child.wait()
        self.start()

    def said(self):
        with open(self.errors, encoding="utf-8", errors="replace") as file:
            return file.read()


class End:
    """An end of the pipeline: a file of lines `PUBLISHER MESSAGE`, and the process that reports losses."""

    def __init__(self, process, path):
        self.process, self.path, self.size = process, path, process.run.row.size
        self.offset, self.probed, self.seen, self.duplicates, self.reordered = 0, {}, {}, 0, 0
        # Test records of the canaries: each has another time.
        self.tests = set()

    def read(self):
        """Reads what is new."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                data = file.read()
        except FileNotFoundError:
            return
        whole = data.rfind(b"\n") + 1
        self.offset += whole
        for line in data[:whole].split(b"\n"):
            words = line.split(b" ", 6)
            if len(words) < 5 or words[1:3] != [b"zlog", b"canary"]:
                continue
            publisher = words[0].decode()
            if words[4].startswith(b"probe."):
                self.probed[publisher] = line
                self.tests.add(line)
            elif len(line) == len(words[0]) + 1 + self.size and words[4].isdigit():
                self.count(publisher, int(words[4]))

    def count(self, publisher, number):
        seen, highest = self.seen.setdefault(publisher, (set(), [-1]))
        if number in seen:
            self.duplicates += 1
        elif number < highest[0]:
            self.reordered += 1
        seen.add(number)
        highest[0] = max(highest[0], number)

    def missing(self, sent):
        """The numbers below `sent` that have not come; below the highest that has, where it is None."""
        total = 0
        for publisher, count in sent.items():
            seen, highest = self.seen.get(publisher, ((), [-1]))
            total += (highest[0] + 1 if count is None else count) - len(seen)
        return total

    def told(self):
        """What a tail has told, and what the handler of the file has told: at its end, or after an outage."""
        said = self.process.said()
        by_handler = numbers(r"([\d,]+) of [\d,]+ records were lost", said)[-1:]
        by_handler = by_handler or numbers(r"works again; ([\d,]+) records? w", said)
        return sum(by_handler) + total(r"zlog tail: lost ([\d,]+) record", said)


def numbers(pattern, text):
    return [int(number.replace(",", "")) for number in re.findall(pattern, text)]


def total(pattern, text):
    return sum(numbers(pattern, text))


class Run:
    def __init__(self, row):
        self.row, self.wrong = row, []
        self.work = tempfile.mkdtemp(prefix="zlog-matrix-")
        self.environment = {**os.environ, "XDG_RUNTIME_DIR": self.work, "HOME": self.work}
        self.environment.pop("ZLOG_ENDPOINT", None)
        self.canaries, self.emits, self.relays, self.tails, self.ends = [], [], [], [], []
        # Short queues, so that a stuck reader has no room soon.
        self.queue = ("--hwm", "100") if row.fault == "reader stuck" else ()
        # How long a canary waits for the rest: longer than the fault lasts.
        self.timeout = "90s" if row.fault == "long partition" else "3s" if SHORT else "15s"
        self.count = int(row.rate * row.load)
        self.gate = f"{self.work}/gate"
        self.disk = self.work
        self.machines = {}
        self.signalled = None
        if row.fault == "clock set":
            self.preload_clock()
        if row.fault == "disk full":
            self.disk = f"{self.work}/disk"
            os.mkdir(self.disk)
            shell(f"mount -t tmpfs -o size=24m none {self.disk}")
        if "partition" in row.fault:
            self.connect_machines()
        open(self.gate, "w").close()

    # The pipeline.

    def address(self, name, port):
        """Where a socket of the publishing machine is."""
        return f"tcp://10.0.0.1:{port}" if self.machines else f"ipc://{self.work}/{name}"

    def near(self):
        return self.machines.get(1, ())

    def start(self):
        getattr(self, "start_" + self.row.path.replace(" ", "_"))()
        for at in range(self.row.publishers):
            self.start_canary(at)
        self.await_probes()

    def start_direct(self):
        self.sources = [self.address(f"p{at}", 7000 + at) for at in range(self.row.publishers)]
        self.send = [("--send", f"bind:{source}") for source in self.sources]
        if self.row.on_full == "drop":
            # A canary waits. `emit` drops.
            self.send = [("--send-file", f"{self.work}/in{at}") for at in range(self.row.publishers)]
            self.start_emits(lambda at: ("--bind", self.sources[at], "--on-full", "drop", "--insecure"))
        self.start_tails(self.sources)

    def start_relay(self):
        collect, publish = self.address("in", 7001), self.address("out", 7002)
        self.start_a_relay("--bind", collect, "--publish-bind", publish)
        self.send = [("--send", collect)] * self.row.publishers
        self.start_tails([publish])

    def start_two_relays(self):
        collect, middle, publish = (self.address(name, port) for name, port in
                                    (("in", 7001), ("middle", 7002), ("out", 7003)))
        self.start_a_relay("--bind", collect, "--publish-bind", middle)
        self.start_a_relay("--connect", middle, "--publish-bind", publish)
        self.send = [("--send", collect)] * self.row.publishers
        self.start_tails([publish])

    def start_SocketHandler(self):
        publish, port = self.address("out", 7002), free_port()
        self.start_a_relay("--listen", f"127.0.0.1:{port}", "--publish-bind", publish)
        self.wait_for(lambda: "SocketHandler" in self.relays[0].said(), "the relay does not listen")
        self.send = [("--send-socket", f"127.0.0.1:{port}")] * self.row.publishers
        self.start_tails([publish])

    def start_confirmed(self):
        collect, publish, confirm = (self.address(name, port) for name, port in
                                     (("in", 7001), ("out", 7002), ("confirm", 7004)))
        far = self.machines.get(2, ())
        # Small ones have many segments, and can be full.
        self.bound = ("--spool-bytes", "2M") if self.row.publishers == 1 else ()
        if self.machines:
            collect, publish, confirm = (it.replace("10.0.0.1", "10.0.0.2") for it in (collect, publish, confirm))
        relay = self.start_a_relay("--bind", collect, "--publish-bind", publish, "--confirm-at", confirm,
                                   "--spool", f"{self.disk}/relay", *self.bound, file=f"{self.work}/records", prefix=far)
        self.ends.append(End(relay, f"{self.work}/records"))
        self.send = [("--send-file", f"{self.work}/in{at}") for at in range(self.row.publishers)]
        self.start_emits(lambda at: ("--spool", f"{self.disk}/emit{at}", "--confirm-at", confirm,
                                     *self.bound, "--position", f"{self.work}/position{at}"))
        self.start_tails([publish])

    def start_emits(self, options):
        for at in range(self.row.publishers):
            open(f"{self.work}/in{at}", "w").close()
            self.emits.append(Process(
                self, f"emit{at}", "emit", "--no-detect", "--follow", "--file", f"{self.work}/in{at}", "-r", f"c{at}",
                "--wait", "60s", "--linger", "20s", *self.queue, *options(at), prefix=self.near()))

    def start_a_relay(self, *args, file=None, prefix=None):
        name = f"relay{len(self.relays)}"
        more = ["--file", f"{file},format={LINE}"] if file else []
        if self.row.fault == "reload storm":
            self.write_configuration(name, 0, file)
            more = ["--config", f"{self.work}/{name}.toml"]
        if self.row.fault == "disk full" and not file:
            more = ["--file", f"{self.disk}/{name},format={LINE}"]
        relay = Process(self, name, "relay", *args, "--no-ask", "--on-full", self.row.on_full, "--stall", STALL,
                        "--linger", "20s", "--insecure", *self.queue, *more, prefix=self.near() if prefix is None else prefix)
        if self.row.fault == "disk full" and not file:
            self.ends.append(End(relay, f"{self.disk}/{name}"))
        self.relays.append(relay)
        return relay

    def write_configuration(self, name, version, file=None):
        """A configuration with a handler that stays and one that changes."""
        stays = file or f"{self.work}/{name}.all"
        with open(f"{self.work}/{name}.new", "w") as toml:
            toml.write(f'version = 1\n[handlers.all]\nclass = "file"\npath = "{stays}"\nformat = "{LINE}"\n'
                       f'[handlers.side]\nclass = "file"\npath = "{self.work}/{name}.side{version}"\n'
                       f'queue = {version % 2 * 100}\n[root]\nhandlers = ["all", "side"]\n')
        os.rename(f"{self.work}/{name}.new", f"{self.work}/{name}.toml")

    def start_tails(self, endpoints):
        for at in range(self.row.readers):
            path = f"{self.work}/tail{at}.out"
            connect = [word for endpoint in endpoints for word in ("--connect", endpoint)]
            output, stdout = ("--format", LINE), path
            if self.row.path == "direct" and self.row.fault in ("disk full", "reload storm"):
                path = f"{self.disk}/tail{at}.out"
                output, stdout = ("--file", f"{path},format={LINE}"), subprocess.DEVNULL
            tail = Process(self, f"tail{at}", "tail", *connect, *output, prefix=self.machines.get(2, ()), stdout=stdout)
            self.tails.append(tail)
            self.ends.append(End(tail, path))

    def start_canary(self, at):
        # The first one counts, too. Each that reads costs as much as a reader.
        reads = ("--read-file", self.ends[-1].path) if at == 0 else ()
        self.canaries.append(Process(
            self, f"canary{at}", "canary", *self.send[at], "--root", f"c{at}", "-n", str(self.count), "--rate",
            str(self.row.rate), "--wait", "60s", "--timeout", self.timeout, "--size", str(self.row.size), *reads,
            "--read-file", self.gate, "-o", "json", "--insecure", prefix=self.near(),
            stdout=f"{self.work}/canary{at}.json"))

    def await_probes(self):
        """Lets the canaries begin once a test record of each has come out of each end."""
        names = {f"c{at}" for at in range(self.row.publishers)}
        self.wait_for(lambda: all(names <= end.probed.keys() for end in self.ends), "nothing comes through")
        with open(self.gate, "ab") as gate:
            for line in self.ends[0].probed.values():
                gate.write(line + b"\n")
        self.begun = time.monotonic()

    def wait_for(self, condition, what, within=DEADLINE):
        until = time.monotonic() + within
        while True:
            for end in self.ends:
                end.read()
            if condition():
                return True
            if time.monotonic() > until:
                if what:
                    raise TimeoutError(what + "\n" + self.all_said())
                return False
            time.sleep(0.05)

    def all_said(self):
        everything = (*self.canaries, *self.emits, *self.relays, *self.tails[:3])
        return "\n".join(f"{it.name}: {it.said()[-2000:]}" for it in everything if it.said())

    def at(self, part):
        """Waits until this part of the load has been sent."""
        time.sleep(max(0, self.begun + self.row.load * part - time.monotonic()))

    # The faults.

    def break_it(self):
        self.at(0.2)
        name = self.row.fault
        if name.startswith("writer "):
            return self.signal_writer(getattr(signal, name.removeprefix("writer ")))
        getattr(self, name.replace(" ", "_"))()

    def none(self):
        pass

    def reader_stopped(self):
        self.tails[0].send(signal.SIGSTOP)
        time.sleep(FAULT)
        self.tails[0].send(signal.SIGCONT)

    def reader_killed(self):
        """Kills the first reader. The others must not notice; its publisher must tell."""
        killed = self.tails.pop(0)
        killed.end(signal.SIGKILL)
        self.ends = [end for end in self.ends if end.process is not killed]
        publisher = self.relays[-1] if self.relays else self.canaries[0]
        self.wait_for(lambda: "may be lost" in publisher.said(), None)
        if "may be lost" not in publisher.said():
            self.wrong.append(f"{publisher.name} does not tell that a reader was killed")

    def reader_stuck(self):
        """Stops the first reader until the others have everything. One that was disconnected learns only from
        later records what it lacks."""
        self.tails[0].send(signal.SIGSTOP)
        if self.row.on_full == "block":
            self.at(0.7)
            self.tails[0].send(signal.SIGCONT)

    def relay_killed(self):
        for time_of in range(RELAY_KILLS):
            self.at(0.2 + 0.6 * time_of / RELAY_KILLS)
            self.relays[time_of % len(self.relays)].restart()

    def signal_writer(self, number):
        """A canary, or the `emit` that follows its file and is started again."""
        self.at(0.5)
        if not self.emits:
            self.signalled = 0
            self.canaries[0].end(number)
            return
        for _ in range(RELAY_KILLS if number == signal.SIGKILL else 1):
            self.emits[0].end(number)
            self.emits[0].start()
            time.sleep(LOAD * 0.05)

    def partition(self, seconds=FAULT):
        one, two = (self.machines[number] for number in (1, 2))
        for machine, other in ((one, "10.0.0.2"), (two, "10.0.0.1")):
            subprocess.run([*machine, "ip", "route", "add", "blackhole", other], check=True)
        time.sleep(seconds)
        for machine, other in ((one, "10.0.0.2"), (two, "10.0.0.1")):
            subprocess.run([*machine, "ip", "route", "del", "blackhole", other], check=True)

    def long_partition(self):
        """Longer than a peer that does not answer is waited for."""
        self.partition(75)

    def disk_full(self):
        try:
            with open(f"{self.disk}/fill", "wb") as file:
                while True:
                    file.write(bytes(4096))
                    file.flush()
        except OSError:
            pass
        time.sleep(FAULT)
        os.remove(f"{self.disk}/fill")

    def descriptors_exhausted(self):
        """No process but the readers can open anything more. Strangers and a reader try."""
        victims = [*(self.emits or self.canaries if self.row.path in ("direct", "confirmed") else ()), *self.relays]
        limits = {}
        for victim in victims:
            pid = victim.child.pid
            limits[pid] = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            opened = max(int(name) for name in os.listdir(f"/proc/{pid}/fd")) + 1
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (opened, limits[pid][1]))
        crowd = []
        for name in os.listdir(self.work):
            for _ in range(20):
                stranger = socket.socket(socket.AF_UNIX)
                stranger.setblocking(False)
                try:
                    stranger.connect(f"{self.work}/{name}")
                except OSError:
                    break
                crowd.append(stranger)
        time.sleep(FAULT)
        for pid, limit in limits.items():
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)
        for stranger in crowd:
            stranger.close()

    def clock_set(self):
        for hours in (1, 0, 5, 2, 100, 0, 1, 3, 0) * 2:
            with open(self.environment["SET_BACK_BY"], "w") as file:
                file.write("h" * hours)
            time.sleep(LOAD * 0.6 / 18)

    def reload_storm(self):
        version = 0
        until = time.monotonic() + LOAD * 0.6
        while time.monotonic() < until:
            version += 1
            for at, relay in enumerate(self.relays):
                self.write_configuration(relay.name, version % 10, f"{self.work}/records" if self.row.path == "confirmed" else None)
                relay.send(signal.SIGHUP)
            for tail in () if self.relays else self.tails:
                tail.send(signal.SIGHUP)
            time.sleep(0.02)

    # What the faults need.

    def preload_clock(self):
        library = f"{self.work}/set_back.so"
        source = os.path.join(HERE, "../data/clock/set_back.c")
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
        hours = f"{self.work}/hours"
        open(hours, "w").close()
        self.environment |= {"LD_PRELOAD": library, "SET_BACK_BY": hours}

    def connect_machines(self):
        """Two machines that are connected to each other: network namespaces."""
        holders = []
        for number in (1, 2):
            holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"],
                                      stdout=subprocess.PIPE)
            holder.stdout.readline()
            holders.append(holder)
            self.machines[number] = ("nsenter", "--net", "--target", str(holder.pid))
        self.holders = holders
        one, two = (holder.pid for holder in holders)
        shell(f"nsenter --net --target {one} ip link add eth0 type veth peer name eth0 netns {two}")
        for number in (1, 2):
            for command in ("ip link set lo up", f"ip addr add 10.0.0.{number}/24 dev eth0", "ip link set eth0 up"):
                subprocess.run([*self.machines[number], *command.split()], check=True)

    # The end.

    def finish(self):
        """Ends everything in the order of the pipeline, and returns the cells of the table."""
        for at, canary in enumerate(self.canaries):
            canary.wait(self.row.load + 3 * DEADLINE)
        sent = {}
        for at, canary in enumerate(self.canaries):
            with open(canary.stdout) as file:
                text = file.read()
            sent[f"c{at}"] = json.loads(text)["sent"] if text else None
            if not text and (self.signalled != at or self.row.fault != "writer SIGKILL"):
                self.wrong.append(f"{canary.name} says nothing")
        if self.row.fault == "reader stuck":
            self.tails[0].send(signal.SIGCONT)
        self.wait_for(lambda: all(end.missing(sent) == end.told() for end in self.ends), None, 30)
        for process in (*self.emits, *self.relays, *self.tails):
            process.end()
        for end in self.ends:
            end.read()
        return self.judge(sent)

    def judge(self, sent):
        """Compares each end with what it has reported. Returns the cells of the table."""
        confirmed = self.row.path == "confirmed"
        again = sum(total(r"handing over ([\d,]+) record", relay.said()) for relay in self.relays)
        cells = {"files": [0, 0], "tails": [0, 0]}
        duplicates = reordered = 0
        for end in self.ends:
            missing, reported, name = end.missing(sent), end.told(), end.process.name
            is_file = end.process in self.relays
            for at, number in enumerate((missing, reported)):
                cells["files" if is_file else "tails"][at] += number
            duplicates, reordered = duplicates + end.duplicates, reordered + end.reordered
            # What a killed relay hands over again may be what a tail has reported as lost.
            late = end.reordered if again and not is_file else 0
            # Test records that are on their way when the fault comes are lost, too, and have no number.
            tests = len(set().union(*(it.tests for it in self.ends)) - end.tests)
            is_told = missing + late <= reported <= missing + late + tests
            if not is_told and (self.row.path, self.row.fault) not in NOT_PROMISED:
                self.wrong.append(f"{name} lacks {missing} and reports {reported}")
            if confirmed and is_file and missing:
                self.wrong.append(f"{missing} lost though confirmed")
            if end.duplicates > again:
                self.wrong.append(f"{name} has {end.duplicates} again, {again} told")
            if end.reordered > late:
                self.wrong.append(f"{name} has {end.reordered} out of order")
        number = "?" if None in sent.values() else sum(sent.values())
        self.check_canary(sent["c0"])
        return number, *cells["tails"], *cells["files"], duplicates, again, reordered

    def check_canary(self, sent):
        """The first canary has read the last end, too, and must have counted the same."""
        with open(self.canaries[0].stdout) as file:
            text = file.read()
        if text and self.signalled is None:
            lost = self.ends[-1].missing({"c0": sent})
            counted = json.loads(text)["lost"]
            # What came later than it waited.
            if counted < lost:
                self.wrong.append(f"the canary counts {counted} lost of its own, this program {lost}")

    def close(self):
        for process in (*self.canaries, *self.emits, *self.relays, *self.tails):
            if process.child.poll() is None:
                process.child.kill()
                process.child.wait()
        for holder in getattr(self, "holders", ()):
            holder.kill()
            holder.wait()
        if self.disk != self.work:
            shell(f"umount {self.disk}")
        if not self.wrong or not os.environ.get("KEEP"):
            shutil.rmtree(self.work, ignore_errors=True)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def shell(command):
    subprocess.run(command, shell=True, check=True)


def enter_namespaces():
    """Goes on in namespaces of its own. Returns whether it is there."""
    if INSIDE in os.environ:
        shell("ip link set lo up")
        return True
    command = ["unshare", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    try:
        can = subprocess.run([*command, "ip", "link", "set", "lo", "up"], capture_output=True).returncode == 0
    except FileNotFoundError:
        can = False
    if can:
        os.environ[INSIDE] = "1"
        os.execvp(command[0], [*command, sys.executable, *sys.argv])
    return False


def run_row(row, inside):
    """Runs a row. Returns the cells of the table, what is wrong, and then what was said."""
    nothing = ("",) * 8
    if not inside and ("partition" in row.fault or row.fault == "disk full"):
        return nothing, [LEFT_OUT], ""
    run = None
    try:
        run = Run(row)
        run.start()
        run.break_it()
        cells = run.finish()
        return cells, run.wrong, run.all_said() if run.wrong else ""
    except (TimeoutError, OSError, subprocess.CalledProcessError, ValueError) as error:
        text = f"{type(error).__name__}: {error}"
        return nothing, [text.split("\n")[0]], text
    finally:
        if run:
            run.close()


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    chosen = [row for row in (short_rows() if SHORT else rows()) if all(word in row.name for word in words)]
    if "--list" in sys.argv:
        return print("\n".join(row.name for row in chosen))
    inside = enter_namespaces()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    print("| path | fault | publishers × readers | on-full | sent | tails lack | and report | files lack | and report | "
          "again | told again | out of order | holds |")
    print("|---|---|---|---|" + "---:|" * 8 + "---|", flush=True)
    failed = 0
    with ThreadPoolExecutor(1 if SHORT else TOGETHER) as pool:
        small = [row for row in chosen if row.publishers * row.readers <= 2]
        large = [row for row in chosen if row not in small]
        for row, (cells, wrong, said) in chain(pool.map(lambda row: (row, run_row(row, inside)), small),
                                               ((row, run_row(row, inside)) for row in large)):
            promise = "nothing is promised" if (row.path, row.fault) in NOT_PROMISED else "yes"
            size = f"{row.publishers} × {row.readers}"
            cells = [f"{cell:,}" if isinstance(cell, int) else cell for cell in cells]
            print("|", " | ".join([row.path, row.fault, size, row.on_full, *cells, "; ".join(wrong) or promise]), "|",
                  flush=True)
            if said:
                print(f"{row.name}:\n{said}", file=sys.stderr, flush=True)
            failed += wrong != [] and wrong != [LEFT_OUT]
    sys.exit(failed > 0)


main()
