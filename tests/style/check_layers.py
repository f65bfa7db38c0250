"""Proves the layering: who may include whom, and which layer owns which library."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A layer may include its own headers and those of the layers named here.
MAY_INCLUDE = {
    "base": set(),
    "partitioning": {"base"},
    "metrics": {"base"},
    "proto": {"base"},
    "raft": {"proto", "base"},
    "net": {"base"},
    "api": {"raft", "net", "proto", "metrics", "partitioning", "base"},
    "api/control": {"api", "raft", "net", "proto", "metrics", "partitioning", "base"},
    "api/worker": {"api", "raft", "net", "proto", "metrics", "partitioning", "base"},
    "cmd": {"api", "raft", "net", "proto", "metrics", "partitioning", "base"},
}

# A library's header, and the layers that may include it.
LIBRARIES = {
    "microhttpd.h": {"net"},
    "curl/": {"net"},
    "zlib.h": {"net"},
    "uv.h": {"net", "raft"},
    "raft.h": {"raft"},
    "raft/": {"raft"},
    "openssl/": {"raft"},
    "protobuf-c/": {"proto"},
    "raftmetrics.pb-c.h": {"proto"},
    "jansson.h": {"api", "cmd"},
    "xxhash.h": {"partitioning", "metrics", "raft", "api"},
}

# Layers that do no I/O and read no clock.
PURE = {"partitioning", "metrics"}
IMPURE_HEADERS = {"stdio.h", "time.h", "unistd.h", "fcntl.h", "pthread.h", "sys/socket.h",
                  "raftmetrics/base/clock.h", "raftmetrics/base/log.h",
                  "raftmetrics/base/random.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def layer_of(path):
    parts = path.resolve().relative_to(ROOT).parts
    return "/".join(parts[1:-1]) if parts[0] == "src" else parts[2]


def included_layer(header, directory):
    if header.startswith("raftmetrics/"):
        return header.split("/")[1]
    if (directory / header).exists():
        return layer_of(directory / header)
    return None


def problems_of(path):
    layer = layer_of(path)
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        header = match.group(1)
        where = f"{path.relative_to(ROOT)}:{number}"
        other = included_layer(header, path.parent)
        if other and other != layer and other not in MAY_INCLUDE[layer]:
            yield f"{where}: {layer} may not include {other} ({header})"
        for library, owners in LIBRARIES.items():
            if not other and header.startswith(library) and layer.split("/")[0] not in owners:
                yield f"{where}: {layer} may not include {header}"
        if layer in PURE and header in IMPURE_HEADERS:
            yield f"{where}: {layer} is pure and may not include {header}"


def main():
    files = sorted([*ROOT.glob("src/**/*.[ch]"), *ROOT.glob("include/raftmetrics/*/*.h")])
    unknown = [f for f in files if layer_of(f) not in MAY_INCLUDE]
    problems = [f"{f.relative_to(ROOT)}: no such layer" for f in unknown]
    for path in files:
        if path not in unknown:
            problems.extend(problems_of(path))
    print("\n".join(problems) if problems else f"layers: {len(files)} files keep them")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
