"""What is sent, and wrk to send it."""
import json
import pathlib
import statistics
import subprocess

POST = pathlib.Path(__file__).with_name("post.lua")
GET = pathlib.Path(__file__).with_name("get.lua")
N_NAMES = 100
BATCH_ITEMS = 1000
WRK_THREADS = 2
N_BATCHES = 10


def item(prefix, number, n_names=N_NAMES):
    return f'{{"metric_name":"{prefix}{number % n_names}","value":{number % 1000 / 10 + 0.05:.2f}}}'


def batch(prefix, first, n_items):
    return '{"metrics":[' + ",".join(item(prefix, first + number) for number in range(n_items)) + "]}"


def write_singles(path, prefix, n_names=N_NAMES):
    path.write_text("".join(item(prefix, number, n_names) + "\n" for number in range(n_names)))


def write_batches(path, prefix):
    path.write_text("".join(batch(prefix, 7 * number, BATCH_ITEMS) + "\n" for number in range(N_BATCHES)))


def wrk(url, file, token, connections, seconds, script=POST):
    """One load of the bodies, or targets, in @file. Its result, with the requests a second and the answers that were 2xx."""
    command = ["wrk", "--threads", str(min(WRK_THREADS, connections)), "--connections", str(connections),
               "--duration", f"{seconds}s", "--timeout", "10s", "--latency", "--script", str(script), url, "--",
               str(file), token]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
                          timeout=seconds + 60)
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise RuntimeError(f"wrk ended with {done.returncode}: {done.stdout}{done.stderr}")
    result = json.loads(line.removeprefix("RESULT "))
    result["per_second"] = result["requests"] / result["seconds"]
    result["answered"] = result["requests"] - result["refused"]
    return result


def medians(results):
    """Of each figure over the rounds; and every round's requests a second, for their spread."""
    row = {key: statistics.median(result[key] for result in results) for key in results[0]}
    row["tail"] = statistics.median(result["p99_ms"] / result["p50_ms"] for result in results)
    row["rounds_per_second"] = [round(result["per_second"]) for result in results]
    return row
