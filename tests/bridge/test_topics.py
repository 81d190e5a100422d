"""Topics, what Home Assistant is told, what Prometheus reads."""

import json
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lvs import LvsError
from lvs.config import Config
from lvs_tools.bridge import mqtt, prometheus, topics
from tests.support.broker import free_port

CHANNELS = [
    "water",
    {"name": "a/b #1", "unit": "kWh", "class": "energy", "label": "Roof", "step": "0.01"},
    {"name": "old", "retired": True},
]
CONFIG = Config({"mesh": "my/house", "channels": CHANNELS})


def test_home_assistant_is_told_all_that_it_needs():
    found = dict(topics.discovery(CONFIG, "homeassistant", topics.base("my/house")))
    mesh = f"lvs_{CONFIG.tag:08x}"
    assert list(found) == [f"homeassistant/sensor/{mesh}/c{c}/config" for c in range(3)]
    water, roof, old = found.values()
    assert old == ""  # the entity goes
    roof = json.loads(roof)
    assert roof["state_class"] == "total_increasing"
    assert roof["device_class"] == "energy"
    assert roof["unit_of_measurement"] == "kWh"
    assert roof["name"] == "Roof"
    assert roof["state_topic"] == "lvs/my%2Fhouse/value/a%2Fb %231"
    assert roof["availability_topic"] == "lvs/my%2Fhouse/bridge"
    assert roof["suggested_display_precision"] == 2
    assert "device_class" not in json.loads(water)
    assert json.loads(water)["device"] == roof["device"]
    assert json.loads(water)["unique_id"] != roof["unique_id"]


def test_a_contribution_is_read_exactly_and_by_its_topic():
    channels = CONFIG.channels
    where = f"lvs/m/contribute/{topics.quoted('a/b #1')}"
    read = topics.contribution(where, b'{"amount": 0.10, "key": "k"}', channels)
    assert (read.channel, read.amount, read.key) == ("a/b #1", "0.10", "k")
    assert topics.contribution(where, b'{"amount": "1e-3", "key": "k"}', channels).amount == "1e-3"


@pytest.mark.parametrize(
    ("topic", "payload", "said"),
    [
        ("x/wine", b'{"amount": "1", "key": "k"}', "not in this mesh"),
        ("x/water", b"1.5", "the payload is not"),
        ("x/water", b"\xff\xfe", "the payload is not"),
        ("x/water", b"[" * 100_000, "the payload is not"),  # it ended the bridge, again and again
        ("x/water", b'{"amount": "1", "key": "\\ud800"}', "key: has half of a character"),
        ("x/water", b'{"key": "k"}', "amount: missing"),
        ("x/water", b'{"amount": true, "key": "k"}', "amount: missing"),
        ("x/water", b'{"amount": "1"}', "key: missing"),
        ("x/water", b'{"amount": "1", "key": ""}', "key: missing"),
        ("x/water", b'{"amount": "1", "key": 7.5e3}', None),
    ],
)
def test_what_is_no_contribution_says_why(topic, payload, said):
    if said is None:
        assert topics.contribution(topic, payload, CONFIG.channels).key == "7.5e3"
        return
    with pytest.raises(LvsError, match=said):
        topics.contribution(topic, payload, CONFIG.channels)


def test_a_refusal_names_the_key():
    """Whoever sent it would not know which of its contributions was refused."""
    assert topics.named(b'{"amount": true, "key": "k"}') == {"key": "k"}
    assert topics.named(b'{"key": "' + b"k" * 999 + b'"}') == {"key": "k" * 200}
    for payload in (b"1.5", b"\xff", b"[1]", b'{"key": ["k"]}', b"[" * 100_000):
        assert topics.named(payload) == {}


def test_a_broker_is_a_host_or_a_url():
    assert mqtt.broker("house") == mqtt.Broker("house", 1883)
    assert mqtt.broker("house:99") == mqtt.Broker("house", 99)
    assert mqtt.broker("mqtts://me%40x@house") == mqtt.Broker("house", 8883, True, "me@x")
    for wrong in ("http://house", "house:port", ""):
        with pytest.raises(ValueError, match="HOST|Port|port"):
            mqtt.broker(wrong)


def test_prometheus_reads_what_is_served_and_nothing_before_the_mesh_is_met():
    metrics = prometheus.Metrics()
    port = free_port()
    close = prometheus.serve(metrics, "127.0.0.1", port)

    def read():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return {
            (s.name, s.labels.get("channel", s.labels.get("reason"))): s.value
            for family in text_string_to_metric_families(text)
            for s in family.samples
        }

    try:
        assert read() == {}
        status = dict.fromkeys([*prometheus._GAUGES, *prometheus._COUNTERS], 3)
        metrics.snapshot = {
            "mesh": 'my "house"\n',
            "values": [{"name": "a/b", "unit": "kWh", "text": "12345.678"}],
            "online": True,
            "heard_s": 2.5,
            "status": dict(status, dropped={"tag": 4}, warnings=["one"]),
        }
        found = read()
    finally:
        close()
    assert found["lvs_value_total", "a/b"] == 12345.678
    assert found["lvs_dropped_total", "tag"] == 4
    assert found["lvs_online", None] == 1
    assert found["lvs_warnings", None] == 1
    assert found["lvs_sent_bytes_total", None] == 3
