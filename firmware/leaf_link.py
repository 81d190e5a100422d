"""How a leaf gets at its network, at the beginning of a waking: ``sleeper`` unloads it."""

import time

from micropython import const

_JOIN_MS = const(8000)  # that joining the Wi-Fi may take


def link(radio, config, feed, once):
    """A transport, or None where there is no network, and ``radio.error`` says why; gives radio
    its wlan. feed: called while it joins. Raises OSError."""
    wifi, espnow = config.board["wifi"], config.board.get("espnow")
    if wifi or espnow:
        import network

        wlan = radio.wlan
        if not wlan:
            if wifi and wifi.get("country"):
                network.country(wifi["country"])
            network.hostname((wifi or {}).get("hostname", "lvs"))
            wlan = radio.wlan = network.WLAN(network.WLAN.IF_STA)
        wlan.active(True)
        if isinstance(espnow, dict) and espnow.get("channel"):
            wlan.config(channel=espnow["channel"])
        if wifi:
            radio.error = _join(wlan, wifi, feed, once)
            if radio.error:
                return None
            try:  # access points hold broadcasts back for whom they believe asleep
                wlan.config(pm=wlan.PM_NONE)
            except (ValueError, AttributeError):
                pass
        else:
            from espnow_link import EspNowLink

            return EspNowLink()
    from lvs.machine import clock
    from lvs.transport_layer import UdpTransport

    return UdpTransport(config.address, config.broadcast, config.port, clock)


def _join(wlan, wifi, feed, once):
    """Why the access point did not let it in, "" if it did."""
    began = time.ticks_ms()
    wlan.connect(wifi["ssid"], wifi["password"] or None)
    while not wlan.isconnected():
        if time.ticks_diff(time.ticks_ms(), began) > _JOIN_MS:
            state = once("wifi_help").state(wlan.status())
            return "wifi: '%s': %s" % (wifi["ssid"], state)
        feed()
        time.sleep_ms(50)
    return ""
