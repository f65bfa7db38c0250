"""What a cluster was asked to record and what it said to it, against what it has in the end."""
PAGE = 10000


class Books:
    def __init__(self, stage, cluster):
        self._stage = stage
        self._cluster = cluster
        self._entries = {}

    def enter(self, prefix, answered, unknown=0):
        """Of the names that begin with @prefix: so many values more were answered 200, and of so many
        it is not known whether they were recorded."""
        before = self._entries.get(prefix, (0, 0))
        self._entries[prefix] = (before[0] + answered, before[1] + unknown)

    def check(self, prefix):
        """What is recorded under these names must be what was answered, but for what is not known."""
        answered, unknown = self._entries[prefix]
        recorded = sum(row["count"] for row in self._rows(prefix))
        if not answered <= recorded <= answered + unknown:
            self._stage.problem(f"{prefix}*: {answered} values answered 200, {unknown} of which nobody knows, "
                                f"{recorded} recorded")

    def check_all(self):
        for prefix in self._entries:
            self.check(prefix)

    def forget(self, prefix):
        """Deletes the names."""
        client = self._cluster.client()
        for row in self._rows(prefix):
            answer = client.delete(f"/metrics/{row['metric_name']}")
            if answer.status != 200:
                self._stage.problem(f"{row['metric_name']}: not deleted: {answer}")
        client.close()
        del self._entries[prefix]

    def _rows(self, prefix):
        client = self._cluster.client()
        rows, query = [], {"format": "json", "prefix": prefix, "limit": PAGE}
        while True:
            answer = client.get("/metrics", query)
            if answer.status != 200:
                raise RuntimeError(f"GET /metrics of {prefix}*: {answer}")
            rows += answer.json()["metrics"]
            if answer.json()["next"] is None:
                client.close()
                return rows
            query["cursor"] = answer.json()["next"]
