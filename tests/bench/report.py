"""The aims, and the table."""

IDLE_CPU_PERCENT = 1
IDLE_MIB = 12
BATCH_VALUES_PER_SECOND = 600_000
TAIL = 3
TIMES_NGINX = {64: 1.5, 256: 1.9}


def aim(what, value, limit, at_least):
    met = value >= limit if at_least else value < limit
    return {"what": what, "value": value, "aim": f"{'>=' if at_least else '<'} {limit:,}", "met": met}


def times(row, who):
    return row["raftmetrics"]["per_second"] / row[who]["per_second"]


def nginxes(row):
    return [who for who in row if who.startswith("nginx")]


def aims(found):
    rows = []
    for row in found["single"]:
        at = row["connections"]
        rows += [aim(f"times {who} at {at}", times(row, who), TIMES_NGINX[at], True) for who in nginxes(row)]
        rows.append(aim(f"p99 / median at {at}", row["raftmetrics"]["tail"], TAIL, False))
    best = max(row["raftmetrics"]["values_per_second"] for row in found["batch"])
    rows.append(aim("values/s in batches, best", best, BATCH_VALUES_PER_SECOND, True))
    for when, daemons in found["idle"].items():
        worst = max(row["cpu_percent"] for row in daemons.values())
        rows.append(aim(f"idle CPU %, {when}", worst, IDLE_CPU_PERCENT, False))
    worst = max(row["rss_mib"] for row in found["idle"]["fresh"].values())
    rows.append(aim("idle MiB resident, fresh", worst, IDLE_MIB, False))
    return rows


def show(found):
    print("\nsingle values       conn   requests/s   p50 ms   p99 ms  p99/p50   ours / theirs")
    for row in found["single"]:
        for who in (*nginxes(row), "raftmetrics"):
            one = row[who]
            ratio = f"{times(row, who):15.2f}" if who != "raftmetrics" else ""
            print(f"  {who:15} {row['connections']:6} {one['per_second']:12,.0f} {one['p50_ms']:8.2f} "
                  f"{one['p99_ms']:8.2f} {one['tail']:8.1f} {ratio}".rstrip())
    print("\nbatches of 1,000    conn   values/s     p50 ms   p99 ms  p99/p50")
    for row in found["batch"]:
        one = row["raftmetrics"]
        print(f"  {'raftmetrics':15} {row['connections']:6} {one['values_per_second']:12,.0f} "
              f"{one['p50_ms']:8.2f} {one['p99_ms']:8.2f} {one['tail']:8.1f}")
    print("\nidle                       CPU %   RSS MiB   PSS MiB")
    for when, daemons in found["idle"].items():
        for name, row in daemons.items():
            print(f"  {when + ', ' + name:22} {row['cpu_percent']:7.2f} {row['rss_mib']:9.1f} {row['pss_mib']:9.1f}")
    print("\naims")
    for row in found["aims"]:
        print(f"  {row['what']:26} {row['value']:14,.2f}   {row['aim']:>12}   {'met' if row['met'] else 'MISSED'}")
    for problem in found["problems"]:
        print(f"PROBLEM: {problem}")
