"""GET /metrics as an exposition: what a scraper gets."""
import gzip
import http.client
import signal

import pytest

from lib import exposition
from lib.checks import check_error
from lib.client import item, path_of
from lib.cluster import Cluster
from lib.fixtures import run
from lib.node import START_SECONDS
from lib.placement import DEFAULT_SHARDS, shard_of
from lib.prometheus import Prometheus
from lib.wait import wait_until

TEXT = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
UTF8 = "escaping=allow-utf-8"
PROMETHEUS_2 = ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
BOUNDS = [0] + [factor * 10 ** power for power in range(-3, 7) for factor in (1, 2.5, 5)]


def scrape(client, accept=None, form=None):
    answer = client.get("/metrics", {"format": form} if form else None, {"Accept": accept})
    assert answer.status == 200, answer
    return exposition.parse(answer.body, "openmetrics" in answer.headers["Content-Type"])


def le_of(bound):
    """As it is read back: 0.001, 1e+06, +Inf."""
    return "+Inf" if bound == float("inf") else f"{bound:.6g}"


@pytest.fixture(scope="module")
def shared(request):
    """A cluster for these tests alone: whatever others record would be scraped, and read, by each."""
    yield from run(request, Cluster(3, label="exposition"))


@pytest.fixture
def fresh(make_cluster):
    return make_cluster(n_workers=1)


@pytest.mark.parametrize("accept, content_type", [
    (None, TEXT), ("*/*", TEXT), ("text/plain", TEXT), ("text/html,*/*;q=0.8", TEXT),
    ("application/openmetrics-text", OPENMETRICS), (PROMETHEUS_2, OPENMETRICS),
    ("text/plain;version=1.0.0;" + UTF8, f"text/plain; version=1.0.0; charset=utf-8; {UTF8}"),
    ("application/openmetrics-text;version=1.0.0;" + UTF8,
     f"application/openmetrics-text; version=1.0.0; charset=utf-8; {UTF8}")])
def test_what_is_accepted_is_sent(shared, accept, content_type):
    for node in shared.nodes:
        answer = node.client().get("/metrics", headers={"Accept": accept})
        assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)
        exposition.parse(answer.body, "openmetrics" in content_type)


@pytest.mark.parametrize("form, content_type", [("prometheus", TEXT), ("openmetrics", OPENMETRICS)])
def test_format_overrides(shared, form, content_type):
    for node in shared.nodes:
        answer = node.client().get("/metrics", {"format": form}, {"Accept": "application/json"})
        assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)


@pytest.mark.parametrize("parameter, value", [("prefix", "a"), ("limit", "1"), ("cursor", "a"), ("level", "linearizable")])
def test_parameters_of_the_listing(shared, parameter, value):
    for node in shared.nodes:
        answer = node.client().get("/metrics", {parameter: value}, {"Accept": "*/*"})
        check_error(answer, 400, "invalid_parameter", mentions=[parameter, "format=json"])


def test_a_metric_is_a_histogram_and_a_gauge(api, name):
    name = name.replace(".", "_")
    values = [75.5, 80.2, 70.1, 0.001, 0, 5e6, 6e6]
    for index, value in enumerate(values):
        api.record(name, value, timestamp=1732568363376 + index)
    api.record(name, 12, timestamp=1732568363375)  # late: not the newest
    families = scrape(api)
    histogram, gauge = families[name], families[name + "_last"]
    assert (histogram.type, gauge.type) == ("histogram", "gauge")
    assert name in histogram.help and name in gauge.help
    assert gauge.value() == 6e6
    recorded = [*values, 12]
    assert {dict(pairs)["le"]: count for (sample, pairs), count in histogram.samples.items()
            if sample.endswith("_bucket")} == {
        le_of(bound): sum(value <= bound for value in recorded) for bound in [*BOUNDS, float("inf")]}
    assert histogram.value("_count") == len(recorded)
    assert histogram.value("_sum") == pytest.approx(sum(recorded), rel=1e-15)


def test_openmetrics_has_bounds_as_floats(api, name):
    api.record(name, 1)
    histogram = scrape(api, form="openmetrics")[name.replace(".", "_")]
    les = [labels["le"] for labels in histogram.label_sets("_bucket")]
    assert les[:2] == ["0.0", "0.001"] and "1.0" in les and "500000.0" in les and "1e+06" in les and les[-1] == "+Inf"


def test_each_series_by_itself(api, name):
    name = name.replace(".", "_")
    hosts = {"web-1": [1, 2], "web-2": [3], "": [4, 5, 6]}
    for host, values in hosts.items():
        for value in values:
            api.record(name, value, labels={"host": host})
    families = scrape(api)
    for host, values in hosts.items():
        labels = {"host": host} if host else {}
        assert families[name].value("_count", **labels) == len(values)
        assert families[name].value("_sum", **labels) == sum(values)
        assert families[name + "_last"].value(**labels) == values[-1]
    assert len(families[name + "_last"].samples) == 3


def test_a_series_that_was_negative_has_no_sum(api, name):
    name = name.replace(".", "_")
    api.record(name, 1, labels={"is": "positive"})
    api.record(name, 5, labels={"is": "negative"})
    api.record(name, -1, labels={"is": "negative"})
    for form in ("prometheus", "openmetrics"):
        histogram = scrape(api, form=form)[name]
        assert histogram.label_sets("_sum") == [{"is": "positive"}]
        assert histogram.value("_bucket", **{"is": "negative", "le": "+Inf"}) == 2
        assert ({"is": "negative"} in histogram.label_sets("_count")) == (form == "prometheus")


def test_names_and_labels_are_escaped(api, name):
    metric = "x." + name + "/y-z:w"
    labels = {"http.route": "/a", "k8s-pod": "p", "tier/x": "t", "plain": "q"}
    api.record(metric, 1, labels=labels)
    escaped = metric.replace(".", "_").replace("/", "_").replace("-", "_")
    expected = {"http_route": "/a", "k8s_pod": "p", "tier_x": "t", "plain": "q"}
    for form in ("prometheus", "openmetrics"):
        families = scrape(api, form=form)
        assert families[escaped].value("_count", **expected) == 1
        assert families[escaped + "_last"].value(**expected) == 1
    kept = scrape(api, "application/openmetrics-text;version=1.0.0;" + UTF8)
    assert kept[metric].value("_count", **labels) == 1
    assert kept[metric + "_last"].value(**labels) == 1
    assert escaped not in kept


def test_values_of_labels(api, name):
    value = 'C:\\dir "quoted" Zürich 東京 🙂 {a="b"}, #'
    api.record(name, 1, labels={"text": value})
    for form in ("prometheus", "openmetrics"):
        assert scrape(api, form=form)[name.replace(".", "_") + "_last"].label_sets() == [{"text": value}]


def test_a_deleted_metric_is_gone(api, name):
    api.record(name, 1)
    assert name.replace(".", "_") in scrape(api)
    assert api.delete(path_of(name)).status == 200
    assert not {name.replace(".", "_"), name.replace(".", "_") + "_last"} & set(scrape(api))


def test_workers_tell_what_they_lead(shared, api, names):
    made = [next(names) for _ in range(24)]
    api.record_all([item(name, 1) for name in made])
    parts = [set(scrape(worker.client())) for worker in shared.workers]
    assert all(parts)
    assert not any(one & other for one in parts for other in parts if one is not other)
    assert set.union(*parts) == set(scrape(api)) >= {name.replace(".", "_") for name in made}


def test_families_stand_in_the_order_of_their_names(api, names):
    api.record_all([item(next(names), 1) for _ in range(40)])
    listed = [name for name in scrape(api) if not name.endswith("_last")]
    assert listed == sorted(listed)


def test_nothing_is_recorded(fresh):
    for node in fresh.nodes:
        assert node.client().get("/metrics", headers={"Accept": None}).body == b""
        assert node.client().get("/metrics", {"format": "openmetrics"}).body == b"# EOF\n"


def test_families_that_clash_are_left_out_and_counted(fresh):
    api = fresh.client()
    for name in ("a.b", "a-b", "a_b", "jobs", "jobs_count", "jobs_last", "jobs_sums"):
        api.record(name, 1)

    def clashes():
        families = exposition.parse(api.get("/status/metrics").body)
        return families["raftmetrics_exposition_clashes_total"].value()
    before = clashes()
    families = scrape(api)
    assert list(families) == ["a_b", "a_b_last", "jobs", "jobs_last", "jobs_count_last", "jobs_last_last", "jobs_sums",
                              "jobs_sums_last"]
    assert "a-b" in families["a_b"].help and families["jobs_last"].type == "gauge"
    assert clashes() == before + 6
    assert {"a.b", "a-b", "a_b"} < set(scrape(api, "text/plain;version=1.0.0;" + UTF8))
    worker = fresh.worker(1).client()
    assert list(scrape(worker)) == list(families)


def test_promtool_finds_nothing_wrong(fresh):
    api = fresh.client()
    api.record("http_request_duration_seconds", 0.25, labels={"route": 'a "b" \\c'})
    api.record("room/temperature_celsius", -3.5)
    answer = api.get("/metrics", headers={"Accept": None})
    assert exposition.promtool_check(answer.body) == ""


def test_many_series_come_in_several_pages(fresh):
    api = fresh.client()
    items = [item(f"metric_{number % 7}", number, labels={"series": str(number)}) for number in range(7000)]
    api.record_all(items)
    families = scrape(api)
    for number in range(7):
        expected = set(range(number, 7000, 7))
        family = families[f"metric_{number}"]
        assert {int(labels["series"]) for labels in family.label_sets("_count")} == expected
        assert {int(labels["series"]) for labels in families[f"metric_{number}_last"].label_sets()} == expected
        assert family.total("_sum") == sum(expected)


@pytest.mark.parametrize("form", ["prometheus", "openmetrics"])
def test_gzip(fresh, form):
    api = fresh.client()
    api.record_all([item(f"metric_{number % 3}", number, labels={"series": str(number)}) for number in range(900)])
    for node in fresh.nodes:
        plain = node.client().get("/metrics", {"format": form}, {"Accept-Encoding": "identity"})
        packed = node.client().get("/metrics", {"format": form}, {"Accept-Encoding": "deflate, gzip;q=0.5"})
        assert plain.headers["Content-Encoding"] is None and packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers["Content-Type"] == plain.headers["Content-Type"]
        assert gzip.decompress(packed.body) == plain.body
        assert len(packed.body) < len(plain.body) / 10


def test_head(fresh):
    for node in fresh.nodes:
        answer = node.client().request("HEAD", "/metrics")
        assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, TEXT, b"")


def wait_until_quiet(worker):
    """Until nobody asks it for pages any more."""
    counts = []

    def quiet():
        requests = exposition.parse(worker.ask("/status/metrics").body)["raftmetrics_http_requests_total"]
        counts.append(requests.total(route="/internal/exposition"))
        return len(counts) >= 20 and len(set(counts[-20:])) == 1
    wait_until(quiet, 20, "control to have all the pages that it wants")


def test_slow_readers_cost_little_memory(fresh):
    """A long text, of which eight clients of each daemon take the first bytes only."""
    api = fresh.client()
    for first in range(0, 20000, 5000):
        api.record_all([item("metric", number, labels={"series": f"{number:030}"})
                        for number in range(first, first + 5000)])

    def resident(node):
        return exposition.parse(node.ask("/status/metrics").body)["process_resident_memory_bytes"].value()
    for node in fresh.nodes:
        for _ in range(5):  # sanitizers keep what is freed, up to some 256 MB
            answer = node.ask("/metrics")
            assert answer.body.count(b"metric_count{") == 20000
    before = {node: resident(node) for node in fresh.nodes}
    clients = [node.client() for node in fresh.nodes for _ in range(8)]
    for client in clients:
        connection = client._connect()
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {client.token}"})
        assert connection.getresponse().read(1000)
    wait_until_quiet(fresh.worker(1))
    more = [resident(node) - before[node] for node in fresh.nodes]
    check_error(api.get("/metrics", headers={"Accept": None}), 503, "overloaded")
    for client in clients:
        client.close()
    wait_until(lambda: api.get("/metrics", headers={"Accept": None}).status == 200, 20, "places to be free again")
    assert max(more) < 8 * len(answer.body) / 4, (more, len(answer.body))  # some 20 MB


def test_a_worker_that_leads_no_more_cuts_its_answer_off(make_cluster):
    cluster = make_cluster()
    api = cluster.client()
    for first in range(0, 20000, 5000):
        api.record_all([item("metric", number, labels={"series": f"{number:030}"})
                        for number in range(first, first + 5000)])
    shard = shard_of("metric", DEFAULT_SHARDS)
    worker = cluster.worker(cluster.leader_of(shard))
    client = worker.client()
    connection = client._connect()
    connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {client.token}"})
    answer = connection.getresponse()
    assert answer.status == 200
    answer.read(1000)
    worker.signal(signal.SIGSTOP)
    wait_until(lambda: cluster.leader_of(shard) not in (worker.id, None), 10, "another to lead the shard")
    worker.signal(signal.SIGCONT)
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        answer.read()


RULES = [{"pattern": "*_total", "as": "counter"}, {"pattern": "disk.?", "as": "gauge"},
         {"pattern": "disk.*", "as": "histogram"}, {"pattern": "disk.10", "as": "gauge"}]


def test_as_what_is_configured(make_cluster):
    cluster = make_cluster(n_workers=1, worker={"exposition": RULES})
    api = cluster.client()
    for value in (5, 7):
        for name in ("http_requests_total", "disk.1", "disk.10", "cpu"):
            api.record(name, value, labels={"host": "a"})
    api.record("http_requests_total", -1, labels={"host": "b"})
    for node in cluster.nodes:
        for form in (None, "openmetrics"):
            families = scrape(node.client(), form=form)
            total = "http_requests" + ("" if form else "_total")
            assert {name: family.type for name, family in families.items()} == {
                "cpu": "histogram", "cpu_last": "gauge", "disk_1": "gauge", "disk_10": "histogram", total: "counter"}
            assert families["disk_1"].value(host="a") == 7
            assert families[total].samples == {("http_requests_total", (("host", "a"),)): 7}
            assert families["disk_10"].value("_sum", host="a") == 12
    assert exposition.promtool_check(api.get("/metrics", headers={"Accept": None}).body) == ""
    with Prometheus({"control": (cluster.control.port, "/metrics")}, cluster.token) as prometheus:
        prometheus.wait_scraped()
        assert {name.removesuffix("_total"): kind for name, kind in prometheus.types("control").items()} == {
            "http_requests": "counter", "cpu": "histogram", "cpu_last": "gauge", "disk_1": "gauge",
            "disk_10": "histogram"}
        assert prometheus.query("http_requests_total") == {
            (("__name__", "http_requests_total"), ("host", "a")): 7}
        assert prometheus.value("disk_1") == 7 and prometheus.value("disk_10_count") == 2


def test_plain_names_clash_with_samples_of_histograms(make_cluster):
    """Of those with a name in common the first in byte order is written."""
    cluster = make_cluster(n_workers=1, worker={"exposition": [
        {"pattern": "jobs?*", "as": "gauge"}, {"pattern": "a.b", "as": "counter"}]})
    api = cluster.client()
    for name in ("jobs", "jobs_count", "jobs_last", "jobs_sum", "jobs_other", "a.b", "a_b"):
        api.record(name, 1)
    families = scrape(api)
    assert {name: family.type for name, family in families.items()} == {
        "a_b": "counter", "a_b_last": "gauge", "jobs": "histogram", "jobs_last": "gauge", "jobs_other": "gauge"}
    assert families["a_b"].help.endswith(" a.b.")
    assert exposition.parse(api.get("/status/metrics").body)["raftmetrics_exposition_clashes_total"].value() == 4


def test_what_is_exposed_may_change(make_cluster):
    cluster = make_cluster(n_workers=1, worker={"exposition": [{"pattern": "m", "as": "counter"}]})
    api = cluster.client()
    api.record("m", 1)
    worker = cluster.worker(1)
    for as_what, types in (("gauge", {"m": "gauge"}), ("both", {"m": "histogram", "m_last": "gauge"})):
        worker.stop()
        cluster.write_config(worker, node_id=1, data_dir=str(cluster.data_directory / worker.name),
                             exposition=[{"pattern": "*", "as": as_what}])
        worker.start()
        # Control may not have missed it yet; and before it leads again it exposes nothing.
        wait_until(lambda: b"# TYPE" in worker.ask("/metrics").body, START_SECONDS, "the worker to lead its shards")
        families = scrape(worker.client())
        assert {name: family.type for name, family in families.items()} == types


def test_without_a_leader_it_is_refused(cluster):
    cluster.wait_writable()
    client = cluster.client()
    client.record("some", 1)
    for worker in cluster.workers[1:]:
        worker.kill()
    answer = client.get("/metrics", headers={"Accept": None})
    check_error(answer, 503, "no_leader")


def test_prometheus_scrapes_it(shared, api, names):
    made = {next(names).replace(".", "/"): [((number * 37) % 101) / 7 for number in range(50)] for _ in range(5)}
    for name, values in made.items():
        api.record_all([item(name, value, labels={"parity": "odd" if index % 2 else "even", "town": "Zürich"})
                        for index, value in enumerate(values)])
    ports = {"control": (shared.control.port, "/metrics"), "self": (shared.control.port, "/status/metrics"),
             "worker": (shared.worker(1).port, "/status/metrics")}
    with Prometheus(ports, shared.token) as prometheus:
        prometheus.wait_scraped()
        for name, values in made.items():
            exposed = name.replace("/", "_")
            for parity, first in (("even", 0), ("odd", 1)):
                chosen = values[first::2]
                labels = f'{{parity="{parity}", town="Zürich"}}'
                assert prometheus.value(f"{exposed}_count{labels}") == len(chosen)
                assert prometheus.value(f"{exposed}_sum{labels}") == pytest.approx(sum(chosen), rel=1e-14)
                assert prometheus.value(f"{exposed}_last{labels}") == chosen[-1]
            buckets = prometheus.query(f"sum by (le) ({exposed}_bucket)")
            assert {float(dict(pairs)["le"]): count for pairs, count in buckets.items()} == {
                bound: sum(value <= bound for value in values) for bound in [*BOUNDS, float("inf")]}
            median = prometheus.value(f"histogram_quantile(0.5, sum by (le) ({exposed}_bucket))")
            below = max(bound for bound in BOUNDS if bound < sorted(values)[24])
            above = min(bound for bound in BOUNDS if bound >= sorted(values)[25])
            assert below <= median <= above
        assert prometheus.value('raftmetrics_build_info{job="self"}') == 1
        assert prometheus.value('sum(raftmetrics_raft_is_leader{job="worker"})') >= 0
        assert prometheus.value('process_resident_memory_bytes{job="worker"}') > 1 << 20
