"""What is sent, and wrk to send it."""
import json
import pathlib
import subprocess

SCRIPT = pathlib.Path(__file__).with_name("post.lua")
N_NAMES = 100
BATCH_ITEMS = 1000
WRK_THREADS = 2
N_BATCHES = 10


def item(prefix, number):
    return f'{{"metric_name":"{prefix}_{number % N_NAMES}","value":{number % 1000 / 10 + 0.05:.2f}}}'


def write_singles(path, prefix):
    path.write_text("".join(item(prefix, number) + "\n" for number in range(N_NAMES)))


def write_batches(path, prefix):
    with path.open("w", encoding="utf-8") as out:
        for batch in range(N_BATCHES):
            items = (item(prefix, batch * 7 + number) for number in range(BATCH_ITEMS))
            out.write('{"metrics":[' + ",".join(items) + "]}\n")


def wrk(url, bodies, token, connections, seconds):
    """One load. Its result, with the requests a second and the answers that were 2xx."""
    command = ["wrk", "--threads", str(WRK_THREADS), "--connections", str(connections), "--duration", f"{seconds}s",
               "--timeout", "10s", "--latency", "--script", str(SCRIPT), url, "--", str(bodies), token]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
                          timeout=seconds + 60)
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise RuntimeError(f"wrk ended with {done.returncode}: {done.stdout}{done.stderr}")
    result = json.loads(line.removeprefix("RESULT "))
    result["per_second"] = result["requests"] / result["seconds"]
    result["answered"] = result["requests"] - result["refused"]
    return result
