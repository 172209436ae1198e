#!/usr/bin/env python3
"""How many machines a fleet's logs need: the model of scale.md.

    docs/scale-model.py                                  # the table of scale.md
    docs/scale-model.py --machines 5000 --rate 50        # your fleet
    docs/scale-model.py --list                           # all inputs and where they come from

Every input can be given as an option. Standard library only.
"""
import argparse
import math

# name: (value, unit, where it comes from)
MEASURED = {
    "emit_us": (1.5, "µs of processor time a record: emit", "benches/results/2026-11-27-nats.md"),
    "relay_us": (0.4, "µs: a relay that forwards", "the same"),
    "write_us": (1.1, "µs: a relay that also writes a file", "the same"),
    "store_us": (5.2, "µs: storing in NATS, reading included", "the same"),
    "bytes": (390, "bytes of a record for a line of 100 bytes, as a NATS server stores it", "the same"),
    "server_us": (8.9, "µs: a NATS server that stores it", "the same"),
    "relay_max": (730_000, "records/s through one relay, with both ends on the same two cores", "the same"),
    "stream_max": (88_000, "records/s that one stream confirms to ten emitters, on the same two cores", "the same"),
}
ASSUMED = {
    "rate": (10.0, "records/s of a machine, on average", "assumed"),
    "peak": (3.0, "peak over average", "assumed"),
    "overhead": (1.05, "TCP and IP around it", "assumed: full segments"),
    "load": (0.5, "share of a limit to plan with", "assumed"),
    "fan_in": (500, "connections to one relay", "assumed: far below LimitNOFILE=4096 of the unit"),
    "replicas": (3, "servers that store a record", "replicas=3"),
    "days": (7, "days that a stream keeps records", "max-age=7d"),
    "link": (1000, "Mbit/s of a machine's network", "assumed"),
    "cores": (4, "cores of a server", "assumed"),
}
SIZES = (1, 10, 1_000, 100_000)


def plan(machines, v):
    """What the fleet needs, as a dictionary. `v` has the inputs."""
    average = machines * v["rate"]
    peak = average * v["peak"]
    megabits = peak * v["bytes"] * v["overhead"] * 8 / 1e6
    # One relay takes what its thread and its network allow, from so many connections.
    network = v["link"] * 1e6 / 8 / (v["bytes"] * v["overhead"])
    relay = v["load"] * min(v["relay_max"], network)
    collectors = 0 if machines == 1 else max(math.ceil(machines / v["fan_in"]), math.ceil(peak / relay))
    # Everything fits through one relay, in one or two steps.
    if collectors <= 1:
        topology = "direct" if machines == 1 else "one collector"
    elif peak <= relay and collectors <= v["fan_in"]:
        topology = "relay tree"
    else:
        topology = "relays and NATS"
    each = v["store_us"] if topology == "relays and NATS" else v["write_us"]
    # Each record is written by `replicas` servers, and sent to all but the first by its leader.
    cores = peak * v["server_us"] * v["replicas"] / 1e6
    servers = max(cores / (v["cores"] * v["load"]), megabits * v["replicas"] / (v["link"] * v["load"]))
    return {
        "topology": topology, "average": average, "peak": peak, "megabits": megabits, "collectors": collectors,
        "collector_cores": peak * each / 1e6,
        # A stream is led by one server.
        "streams": math.ceil(peak / (v["load"] * v["stream_max"])),
        "servers": max(int(v["replicas"]), math.ceil(servers)),
        # Percent of a core of each machine.
        "host": v["rate"] * v["peak"] * (v["emit_us"] + (v["relay_us"] if machines > v["fan_in"] else 0)) / 1e4,
        "disk": average * v["bytes"] * 86_400 * v["days"] / 1e9,
    }


def count(number):
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.2g}"


def table(sizes, values):
    lines = ["| machines | topology | records/s, average | peak | Mbit/s | of a core of each, % | collectors | their cores | streams | servers "
             "| disk for each copy, GB |", "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for size in sizes:
        row = plan(size, values)
        cells = [count(size), row["topology"], *(count(row[key]) for key in ("average", "peak", "megabits", "host"))]
        cells += [count(row[key]) if row["collectors"] else "" for key in ("collectors", "collector_cores")]
        cells += [count(row[key]) if "NATS" in row["topology"] else "" for key in ("streams", "servers")]
        lines.append("| " + " | ".join([*cells, count(row["disk"])]) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machines", type=int, nargs="+", default=SIZES)
    parser.add_argument("--list", action="store_true", help="print the inputs")
    inputs = {**MEASURED, **ASSUMED}
    for name, (value, unit, _) in inputs.items():
        parser.add_argument("--" + name.replace("_", "-"), type=float, default=value, help=f"{unit} [{value}]")
    args = parser.parse_args()
    values = {name: getattr(args, name) for name in inputs}
    if min(values.values()) <= 0 or min(args.machines) < 1:
        parser.error("inputs must be greater than 0")
    if args.list:
        print("| input | value | | from |\n|---|---:|---|---|")
        for name, (_, unit, source) in inputs.items():
            print(f"| `{name}` | {values[name]:,g} | {unit} | {source} |")
    else:
        print(table(args.machines, values))


if __name__ == "__main__":
    main()
