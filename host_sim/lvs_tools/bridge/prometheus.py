"""A bridge's figures for Prometheus: served by a thread from a snapshot, never from the node."""

import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from lvs_tools import options

_GAUGES = {
    "peers": "Nodes that were heard lately, and show their state",
    "trusted": "Of them, those that are trusted",
    "rows": "Rows that the bridge's node holds",
    "rows_max": "Rows that it has room for",
}
_COUNTERS = {
    "sent_bytes": "Bytes sent to the mesh",
    "received_bytes": "Bytes heard from the mesh",
    "recoveries": "Times that the node doubted its memory",
}


class Metrics(Collector):
    """Collects from ``snapshot``: a dict that is replaced, never changed. Before the mesh was met
    there is no value: a counter that begins anew would be taken for a reset."""

    def __init__(self):
        self.snapshot: dict | None = None

    def collect(self):
        """The metric families of the newest snapshot."""
        told = self.snapshot
        if told is None:
            return
        value = CounterMetricFamily(
            "lvs_value", "What the mesh counted", labels=["mesh", "channel", "unit"]
        )
        for shown in told["values"]:
            value.add_metric([told["mesh"], shown["name"], shown["unit"]], float(shown["text"]))
        yield value
        yield _gauge("lvs_online", "1 while the mesh is heard", told, float(told["online"]))
        if told["heard_s"] is not None:
            yield _gauge("lvs_heard_seconds", "Since anybody was heard", told, told["heard_s"])
        status = told["status"]
        for key, text in _GAUGES.items():
            yield _gauge(f"lvs_{key}", text, told, status[key])
        for key, text in _COUNTERS.items():
            family = CounterMetricFamily(f"lvs_{key}", text, labels=["mesh"])
            family.add_metric([told["mesh"]], status[key])
            yield family
        dropped = CounterMetricFamily(
            "lvs_dropped", "Frames that were not believed", labels=["mesh", "reason"]
        )
        for reason, n in status["dropped"].items():
            dropped.add_metric([told["mesh"], reason], n)
        yield dropped
        yield _gauge("lvs_warnings", "Warnings at present", told, len(status["warnings"]))


def _gauge(name, text, told, value):
    family = GaugeMetricFamily(name, text, labels=["mesh"])
    family.add_metric([told["mesh"]], value)
    return family


def serve(metrics, host, port):
    """Serve metrics at http://host:port/metrics; returns what closes it. Raises OSError, with
    what to do about it."""
    registry = prometheus_client.CollectorRegistry()
    registry.register(metrics)
    try:
        server, thread = prometheus_client.start_http_server(port, host, registry)
    except OSError as error:
        why = options.words(error)
        raise OSError(f"{host}:{port}: {why}; give another --prometheus [HOST:]PORT") from None

    def close():
        server.shutdown()
        server.server_close()
        thread.join(5)

    return close
