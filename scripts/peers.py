#!/usr/bin/env python3
"""Holds load clients against a stub that knows the truth: `./x bench peers`.

AIPerf, GuideLLM, inference-perf and llama-benchy are installed from PyPI, each in a virtual
environment of its own. One after the other measures a fresh `tokmark stub` (TTFT 50 ms, ITL 10 ms,
64 tokens), ours first and last. Every client makes as many untimed requests as are under way at
once, then the same number of measured ones. The Markdown table on standard output has each figure
of a client beside that of the stub, which recorded when each byte went to the kernel.
"""

import argparse
import datetime
import json
import os
import platform
import resource
import shutil
import signal
import subprocess
import sys
import time

from peer_clients import PEERS, Load, Tokmark
from peer_runs import Stub, measure
from tokenizer import write_tokenizer

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Kept back of the time for each of our own runs that are still to come.
OWN_RUN_S = 30
# Above this share of a core, other processes could have made the figures.
BUSY_CORES = 0.2


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    model = os.path.join(target, "models", "SmolLM2-135M-Instruct.Q4_1.gguf")
    add = parser.add_argument
    add("--tokmark", default=os.path.join(target, "release", "tokmark"), help="our program")
    add("--model", default=model, help="GGUF whose tokenizer the peers use")
    add("--folder", default=os.path.join(target, "peers"), help="where they are installed")
    add("--loads", default="64:1600,1000:20000", help="requests at once and in all, per load")
    add("--only", default="", help="peers to run, by package [default: all]")
    add("--limit", type=float, default=180, help="most seconds of a run")
    add("--budget", type=float, default=700, help="most seconds of all runs, installing left out")
    add("--json", help="file for all figures [default: peers.json in the folder]")
    add("--install-only", action="store_true", help="install and print versions")
    return parser.parse_args()


def environment(home):
    """For a client: no proxy, and nothing is written to the real home."""
    os.makedirs(home, exist_ok=True)
    # HF_HUB_OFFLINE would be safer, but with it AIPerf takes a path for a name in the hub's cache.
    hidden = {"DO_NOT_TRACK": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    own = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    return {**own, "HOME": home, "NO_COLOR": "1", "COLUMNS": "200", **hidden}


def install(clients, folder):
    """Versions by name. A client that can't be installed is left out, with the reason."""
    versions = {}
    for client in list(clients):
        try:
            versions[client.name] = client.install(folder)
        except (OSError, subprocess.CalledProcessError) as error:
            versions[client.name] = f"not installed: {error}"
            clients.remove(client)
        print(f"peers: {client.name} {versions[client.name]}", file=sys.stderr)
    return versions


def run_all(args, clients, tokenizer):
    """Yields the results of every run, ours first and last at each load."""
    own, *peers = clients
    loads = [tuple(map(int, load.split(":"))) for load in args.loads.split(",")]
    plan = [(client, *load) for load in loads for client in (own, *peers, own)]
    deadline = time.monotonic() + args.budget
    home = os.path.join(args.folder, "home")
    for place, (client, n_at_once, n_requests) in enumerate(plan):
        rest = [later[0] for later in plan[place:]]
        n_own, left_s = rest.count(own), deadline - time.monotonic()
        share_s = (left_s - n_own * OWN_RUN_S) / max(1, len(rest) - n_own)
        limit_s = args.limit if client is own else max(1.0, min(args.limit, share_s))
        folder = os.path.join(args.folder, "runs", f"{place:02}-{client.name.split()[0]}")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        stub = Stub(args.tokmark)
        load = Load(stub.url, stub.model, n_at_once, n_requests, folder, tokenizer, home)
        print(f"peers: {client.name} x {n_at_once}, at most {limit_s:.0f} s", file=sys.stderr)
        try:
            yield measure(client, load, stub, environment(home), limit_s)
        finally:
            stub.stop()


def beside(result, name):
    """`51.2 / 50.4 (1.02)`: the client's figure, the stub's, and their ratio."""
    own, truth = result["own"].get(name), result["truth"].get(name)
    if own is None or truth is None:
        return f"– / {truth:.2f}" if truth is not None else "–"
    return f"{own:.2f} / {truth:.2f} ({own / truth:.3f})"


def row(result):
    own, truth, took = result["own"], result["truth"], result["took"]
    gaps = own.get("itl_p99_gaps_ms")
    counts = f"{own['n_ok']:.0f} / {own['n_failed']:.0f}" if own else "–"
    cells = [
        result["client"],
        f"{counts} of {result['n_requests']}",
        f"{truth['max_at_once']}",
        beside(result, "requests_per_s"),
        beside(result, "ttft_mean_ms"),
        beside(result, "ttft_p99_ms"),
        beside(result, "itl_mean_ms"),
        f"{gaps:.2f}" if gaps is not None else "–",
        beside(result, "itl_p99_requests_ms"),
        f"{took['peak_bytes'] / 1e6:.0f}",
        f"{took['cpu_s']:.1f}",
        f"{took['wall_s']:.1f}",
    ]
    return "| " + " | ".join(cells) + " |"


HEADER = [
    "client", "ok / failed", "most at once", "requests/s", "TTFT mean, ms", "TTFT p99, ms",
    "ITL mean, ms", "ITL p99 of gaps, ms", "ITL p99 of requests, ms", "peak memory, MB", "CPU, s",
    "wall, s",
]


def notes(result):
    """What makes a run less than it looks."""
    took, who = result["took"], f"{result['client']} x {result['n_at_once']}"
    if took["was_cut"]:
        yield f"{who}: interrupted after {took['wall_s']:.0f} s."
    if result["reason"]:
        yield f"{who}: no figures, exit code {took['exit_code']}: {result['reason']}."
    if took["others_cores"] > BUSY_CORES:
        yield f"{who}: other processes used {took['others_cores']:.2f} cores."
    if result["truth"]["n_abandoned"]:
        yield f"{who}: left {result['truth']['n_abandoned']} answers before their end."


def markdown(results, versions):
    lines = [
        f"Versions: {', '.join(f'{name} {version}' for name, version in versions.items())}; "
        f"Python {platform.python_version()}, {os.cpu_count()} CPUs.",
        "Cells with a slash are the client's figure / the stub's (their ratio). Memory is the sum "
        "of the processes' peaks; CPU and wall time include start and report.",
    ]
    for n_at_once in dict.fromkeys(result["n_at_once"] for result in results):
        rows = [result for result in results if result["n_at_once"] == n_at_once]
        lines += ["", f"{n_at_once} at once:", "", "| " + " | ".join(HEADER) + " |"]
        lines += ["| " + " | ".join(["---"] * len(HEADER)) + " |", *map(row, rows)]
    said = [note for result in results for note in notes(result)]
    lines += ["", *(f"- {note}" for note in said)] if said else []
    return "\n".join(lines)


def main():
    args = options()
    args.folder = os.path.abspath(args.folder)
    os.makedirs(args.folder, exist_ok=True)
    # Ends what runs then, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A thousand streams need more descriptors than the usual soft limit.
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    wanted = [peer for peer in PEERS if not args.only or peer.package in args.only.split(",")]
    clients = [Tokmark(os.path.abspath(args.tokmark)), *(peer() for peer in wanted)]
    versions = install(clients, args.folder)
    if args.install_only:
        return
    tokenizer = os.path.join(args.folder, "tokenizer")
    write_tokenizer(args.model, tokenizer)
    results = []
    document = {
        "begun": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "versions": versions,
        "machine": {"n_cpus": os.cpu_count(), "platform": platform.platform()},
        "results": results,
    }
    for result in run_all(args, clients, tokenizer):
        results.append(result)
        # After every run: a later failure must not lose it.
        with open(args.json or os.path.join(args.folder, "peers.json"), "w", encoding="utf-8") as f:
            json.dump(document, f, indent=1)
    print(markdown(results, versions))


if __name__ == "__main__":
    main()
