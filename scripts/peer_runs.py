"""Runs a load client against a fresh stub, and reads what it took and what the stub saw."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

from peer_clients import OUTPUT_TOKENS, mean, quantile

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SAMPLED_EVERY_S = 0.5
# After the interrupt, for a client that then writes what it has.
GRACE_S = 15


class Stub:
    """A running `tokmark stub`; ends with its standard input."""

    def __init__(self, tokmark):
        command = [tokmark, "stub", "--tied", "--ttft", "50ms", "--itl", "10ms"]
        command += ["--events", str(OUTPUT_TOKENS)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = self.process.stdout.readline().split()[-1]
        self.model = self.page("/v1/models")["data"][0]["id"]

    def page(self, path):
        with urllib.request.urlopen(self.url + path) as answer:
            return json.load(answer)

    def truth(self, n_untimed):
        """What really happened, without the first `n_untimed` whole answers."""
        page = self.page("/stub/truth")
        rows = [dict(zip(page["columns"], row)) for row in page["rows"]]
        whole = [row for row in rows if row["n_events"] == OUTPUT_TOKENS]
        whole = sorted(whole, key=lambda row: row["received_ns"])[n_untimed:]
        whole = [row for row in whole if row["outcome"] == "complete"]
        ttft = [(row["first_text_ns"] - row["received_ns"]) / 1e6 for row in whole]
        n_gaps = OUTPUT_TOKENS - 1
        gaps = [(row["last_text_ns"] - row["first_text_ns"]) / 1e6 / n_gaps for row in whole]
        received = [row["received_ns"] for row in whole]
        span_s = (max(row["end_ns"] for row in whole) - min(received)) / 1e9 if whole else 0
        return {
            "n_complete": len(whole),
            "n_abandoned": page["summary"]["n_abandoned"],
            "max_at_once": page["summary"]["max_in_flight"],
            "n_connections": page["summary"]["n_connections"],
            "requests_per_s": len(whole) / span_s if span_s else None,
            "ttft_mean_ms": mean(ttft),
            "ttft_p99_ms": quantile(ttft, 0.99),
            "itl_mean_ms": mean(gaps),
            "itl_p99_requests_ms": quantile(gaps, 0.99),
        }

    def cpu_s(self):
        return process_stat(self.process.pid)[1]

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def process_stat(pid):
    """Parent and CPU seconds of a process; what it waited for is left out."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def machine_cpu_s():
    """CPU seconds that the whole machine has worked."""
    with open("/proc/stat", encoding="utf-8") as file:
        user, nice, system, _idle, _wait, irq, softirq = map(int, file.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS_PER_S


class Tree:
    """A process with all that descend from it, also those that have ended."""

    def __init__(self, root):
        self.alive = {root}
        self.cpu_s = {}
        self.peak_bytes = {}

    def sample(self):
        parents = {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    parents[int(name)], cpu_s = process_stat(name)
                except (OSError, IndexError):
                    continue
                if int(name) in self.alive:
                    self.cpu_s[int(name)] = cpu_s
        self.alive &= parents.keys()
        found = True
        while found:
            found = {pid for pid, parent in parents.items() if parent in self.alive} - self.alive
            self.alive |= found
        for pid in self.alive:
            self.peak_bytes[pid] = max(self.peak_bytes.get(pid, 0), peak_bytes(pid))

    def kill(self):
        for pid in self.alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def peak_bytes(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def run_client(command, folder, environment, limit_s):
    """Runs it with its output in `folder`; after `limit_s` it is interrupted, then killed."""
    begun, machine_s = time.monotonic(), machine_cpu_s()
    output = [open(os.path.join(folder, name), "wb") for name in ("stdout", "stderr")]
    with output[0], output[1]:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=output[0], stderr=output[1], start_new_session=True,
        )
    tree = Tree(process.pid)
    was_cut = False
    try:
        while True:
            tree.sample()
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            took_s = time.monotonic() - begun
            if took_s > limit_s and not was_cut:
                was_cut = True
                os.killpg(process.pid, signal.SIGINT)
            if took_s > limit_s + GRACE_S:
                tree.kill()
            time.sleep(SAMPLED_EVERY_S)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        tree.sample()
        tree.kill()
    wall_s = time.monotonic() - begun
    return {
        "exit_code": process.returncode,
        "was_cut": was_cut,
        "wall_s": wall_s,
        # The children's own count misses whom nobody waited for, the samples their last moments.
        "cpu_s": max(usage.ru_utime + usage.ru_stime, sum(tree.cpu_s.values())),
        "peak_bytes": max(usage.ru_maxrss * 1024, sum(tree.peak_bytes.values())),
        "n_processes": len(tree.peak_bytes),
        "machine_cpu_s": machine_cpu_s() - machine_s,
    }


def last_words(folder):
    """The last line of each output of a client, for a note."""
    for name in ("stdout", "stderr"):
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file if line.strip()]
        if lines:
            yield f"{name} ends with `{lines[-1][:160]}`"


def measure(client, load, stub, environment, limit_s):
    """One run of a client: its own figures, the stub's, and what it took."""
    stub_s = stub.cpu_s()
    command = client.command(load)
    took = run_client(command, load.folder, environment, limit_s)
    stub_s = stub.cpu_s() - stub_s
    took["stub_cpu_s"] = stub_s
    others_s = took.pop("machine_cpu_s") - took["cpu_s"] - stub_s
    took["others_cores"] = max(0.0, others_s / took["wall_s"])
    try:
        own, reason = client.figures(load), None
    except FileNotFoundError as error:
        own, reason = {}, f"it wrote no {os.path.basename(error.filename)}"
    except (ValueError, KeyError, IndexError, TypeError) as error:
        own, reason = {}, f"its result reads otherwise than expected ({error!r})"
    if reason:
        reason = "; ".join([reason, *last_words(load.folder)])
        print(f"peers: {client.name} gave no figures: {reason}", file=sys.stderr)
    return {
        "client": client.name,
        "command": command,
        "n_at_once": load.n_at_once,
        "n_requests": load.n_requests,
        "own": own,
        "truth": stub.truth(load.n_at_once),
        "took": took,
        "reason": reason,
    }
