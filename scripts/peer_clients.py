"""The load clients that peers.py compares: how each is installed, run and read.

A client makes `Load.n_requests` measured requests after `Load.n_at_once` untimed ones. All send
streaming chat completions and keep to their defaults, but for what would only cost them time: no
per-request files, no telemetry, no checks of the answers' text.
"""

import glob
import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

PROMPT_TOKENS = 50
OUTPUT_TOKENS = 64
HERE = os.path.dirname(os.path.abspath(__file__))


@dataclass
class Load:
    """One run: what is asked of a client, and where it may write."""

    url: str
    model: str
    n_at_once: int
    n_requests: int
    folder: str  # of this run alone
    tokenizer: str
    home: str

    def file(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, value):
        with open(self.file(name), "w", encoding="utf-8") as file:
            json.dump(value, file)
        return self.file(name)

    def read(self, name):
        with open(self.file(name), encoding="utf-8") as file:
            return json.load(file)


def mean(values):
    return sum(values) / len(values) if values else None


def quantile(values, q):
    """Linear interpolation between order statistics (Hyndman-Fan type 7)."""
    if not values:
        return None
    values = sorted(values)
    place = (len(values) - 1) * q
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


class Tokmark:
    """Our own client."""

    name = "tokmark load"
    package = None

    def __init__(self, program):
        self.program = program

    def install(self, _folder):
        return subprocess.check_output([self.program, "--version"], text=True).split()[-1]

    def command(self, load):
        return [
            self.program, "load", load.url, "--concurrency", str(load.n_at_once),
            "--requests", str(load.n_requests), "--warmup", str(load.n_at_once),
            "--prompt-tokens", str(PROMPT_TOKENS), "--max-tokens", str(OUTPUT_TOKENS),
            "--calibrate", "off", "-o", "json", "--db", load.file("tokmark.db"),
        ]

    def figures(self, load):
        record = load.read("stdout")[0]
        summary = record["serving"]["summary"]

        def p99(name):
            quantiles = {entry["q"]: entry["value"] for entry in summary[name]["quantiles"]}
            return quantiles[0.99]

        return {
            "n_ok": summary["n_ok"],
            "n_failed": summary["n_requests"] - summary["n_ok"],
            "requests_per_s": summary["request_rate_per_s"]["per_s"],
            "ttft_mean_ms": summary["ttft_ms"]["mean"],
            "ttft_p99_ms": p99("ttft_ms"),
            "itl_mean_ms": summary["itl_ms"]["mean"],
            "itl_p99_gaps_ms": p99("itl_ms"),
            "itl_p99_requests_ms": p99("tpot_ms"),
            "grade": record["grade"]["letter"],
        }


class Peer:
    """A client from PyPI, in a virtual environment of its own."""

    name = package = version = program = None
    extras = ""
    python = (3, 10)

    def install(self, folder):
        """Installs it unless it is there, and gives its version."""
        self.environment = os.path.join(folder, self.package)
        if self.installed() != self.version:
            shutil.rmtree(self.environment, ignore_errors=True)
            print(f"peers: installing {self.package} {self.version}", file=sys.stderr)
            subprocess.run([python_of(self.python), "-m", "venv", self.environment], check=True)
            wanted = f"{self.package}{self.extras}=={self.version}"
            pip = [self.bin("python"), "-m", "pip", "install", "--quiet", "--no-cache-dir", wanted]
            subprocess.run(pip, check=True, stdout=sys.stderr)
        return self.installed()

    def installed(self):
        ask = f"import importlib.metadata as m; print(m.version('{self.package}'))"
        try:
            answer = subprocess.run([self.bin("python"), "-c", ask], capture_output=True, text=True)
        except OSError:
            return None
        return answer.stdout.strip() or None

    def bin(self, name):
        return os.path.join(self.environment, "bin", name)


class AIPerf(Peer):
    name, package, version = "AIPerf", "aiperf", "0.13.0"

    def command(self, load):
        return [
            self.bin("aiperf"), "profile", "--model", load.model, "--url", load.url,
            "--endpoint-type", "chat", "--streaming", "--tokenizer", load.tokenizer,
            "--concurrency", str(load.n_at_once), "--request-count", str(load.n_requests),
            "--warmup-request-count", str(load.n_at_once),
            "--synthetic-input-tokens-mean", str(PROMPT_TOKENS),
            "--output-tokens-mean", str(OUTPUT_TOKENS), "--output-artifact-dir", load.folder,
            "--export-level", "summary", "--ui", "none",
            "--no-gpu-telemetry", "--no-server-metrics",
        ]

    def figures(self, load):
        result = load.read("profile_export_aiperf.json")

        def metric(name, field="avg"):
            return result.get(name, {}).get(field)

        return {
            "n_ok": metric("request_count"),
            "n_failed": metric("error_request_count") or 0,
            "requests_per_s": metric("request_throughput"),
            "ttft_mean_ms": metric("time_to_first_token"),
            "ttft_p99_ms": metric("time_to_first_token", "p99"),
            "itl_mean_ms": metric("inter_token_latency"),
            "itl_p99_gaps_ms": metric("inter_chunk_latency", "p99"),
            "itl_p99_requests_ms": metric("inter_token_latency", "p99"),
        }


class GuideLLM(Peer):
    name, package, version, extras = "GuideLLM", "guidellm", "0.8.1", "[perf]"

    def command(self, load):
        backend = f"kind=openai_http,target={load.url},model={load.model}"
        profile = f"kind=concurrent,streams={load.n_at_once}"
        warmup = f"warmup.mode=requests,warmup.value={load.n_at_once}"
        data = f"kind=synthetic_text,prompt_tokens={PROMPT_TOKENS},output_tokens={OUTPUT_TOKENS}"
        return [
            self.bin("guidellm"), "run", "--disable-console",
            "--backend", f"{backend},request_format=/v1/chat/completions",
            "--profile", f"{profile},{warmup}",
            "--constraint", f"kind=max_requests,count={load.n_requests + load.n_at_once}",
            "--data", data, "--tokenizer", f"kind=hf_auto,model={load.tokenizer}",
            "--metrics", "kind=generative,sample_size=0",
            "--output", f"kind=json,path={load.file('guidellm.json')}",
        ]

    def figures(self, load):
        metrics = load.read("guidellm.json")["benchmarks"][0]["metrics"]
        totals = metrics["request_totals"]
        ttft = metrics["time_to_first_token_ms"]["successful"]
        itl = metrics["inter_token_latency_ms"]["successful"]
        return {
            "n_ok": totals["successful"],
            "n_failed": totals["errored"] + totals["incomplete"],
            "requests_per_s": metrics["requests_per_second"]["successful"]["mean"],
            "ttft_mean_ms": ttft["mean"],
            "ttft_p99_ms": ttft["percentiles"]["p99"],
            "itl_mean_ms": itl["mean"],
            "itl_p99_requests_ms": itl["percentiles"]["p99"],
        }


class InferencePerf(Peer):
    name, package, version = "inference-perf", "inference-perf", "0.7.0"
    python = (3, 12)

    def command(self, load):
        def stage(n_requests):
            return {"num_requests": n_requests, "concurrency_level": load.n_at_once}

        # Of its synthetic prompts only those with (no) pictures go to the chat API with a length.
        questions = {
            "num_groups": 1, "num_prompts_per_group": 200, "system_prompt_len": 1,
            "question_len": PROMPT_TOKENS - 1, "output_len": OUTPUT_TOKENS,
        }
        settings = {
            "api": {"type": "chat", "streaming": True},
            "data": {"type": "shared_prefix", "shared_prefix": questions, "multimodal": {}},
            "load": {
                "type": "concurrent",
                "stages": [stage(load.n_at_once), stage(load.n_requests)],
            },
            "server": {"type": "vllm", "model_name": load.model, "base_url": load.url},
            "tokenizer": {"pretrained_model_name_or_path": load.tokenizer},
            "report": {"request_lifecycle": {"summary": True, "per_stage": True}},
            "storage": {"local_storage": {"path": load.folder}},
        }
        return [self.bin("inference-perf"), "-c", load.write("settings.yml", settings)]

    def figures(self, load):
        stage = load.read("stage_1_lifecycle_metrics.json")
        ok = stage["successes"]

        def metric_ms(name, field):
            return (ok["latency"].get(name) or {}).get(field, math.nan) * 1000

        return {
            "n_ok": ok["count"],
            "n_failed": stage["failures"]["count"],
            "requests_per_s": ok["throughput"].get("requests_per_sec"),
            "ttft_mean_ms": metric_ms("time_to_first_token", "mean"),
            "ttft_p99_ms": metric_ms("time_to_first_token", "p99"),
            "itl_mean_ms": metric_ms("inter_token_latency", "mean"),
            "itl_p99_gaps_ms": metric_ms("inter_token_latency", "p99"),
            "itl_p99_requests_ms": metric_ms("time_per_output_token", "p99"),
        }


class LlamaBenchy(Peer):
    """Sends one batch after the other: the next begins when the last answer of one has ended."""

    name, package, version = "llama-benchy", "llama-benchy", "0.4.0"
    book = "http://127.0.0.1/book"

    def command(self, load):
        # It fetches a book unless its cache has it: ours is the project's own documentation.
        cache = os.path.join(load.home, ".cache", "llama-benchy")
        os.makedirs(cache, exist_ok=True)
        name = hashlib.md5(self.book.encode()).hexdigest() + ".txt"
        shutil.copy(os.path.join(HERE, "..", "docs", "load.md"), os.path.join(cache, name))
        return [
            self.bin("llama-benchy"), "--base-url", f"{load.url}/v1", "--model", load.model,
            "--tokenizer", load.tokenizer, "--book-url", self.book, "--no-adapt-prompt",
            "--skip-coherence", "--latency-mode", "none", "--pp", str(PROMPT_TOKENS),
            "--tg", str(OUTPUT_TOKENS), "--concurrency", str(load.n_at_once),
            "--runs", str(load.n_requests // load.n_at_once),
            "--format", "json", "--save-result", load.file("llama-benchy.json"),
        ]

    def figures(self, load):
        run = load.read("llama-benchy.json")["benchmarks"][0]
        ttft = run["e2e_ttft"]["values"]
        gaps = [1000 / rate for rate in run["tg_req_throughput"]["values"]]
        return {
            "n_ok": len(ttft),
            "n_failed": load.n_requests - len(ttft),
            "ttft_mean_ms": mean(ttft),
            "ttft_p99_ms": quantile(ttft, 0.99),
            "itl_mean_ms": mean(gaps),
            "itl_p99_requests_ms": quantile(gaps, 0.99),
        }


PEERS = [AIPerf, GuideLLM, InferencePerf, LlamaBenchy]


def python_of(version):
    """A Python of at least this version."""
    if sys.version_info[:2] >= version:
        return sys.executable
    names = [f"python3.{minor}" for minor in range(version[1], version[1] + 4)]
    found = [shutil.which(name) for name in names]
    found += sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin/python3")))
    ask = f"import sys, venv; sys.exit(sys.version_info[:2] < {version})"
    for program in filter(None, found):
        # A shim of pyenv is there even where it leads to no Python.
        if subprocess.run([program, "-c", ask], capture_output=True).returncode == 0:
            return program
    raise OSError(f"no Python {version[0]}.{version[1]} or later is installed")
