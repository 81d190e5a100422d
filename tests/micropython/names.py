"""A host's name on MicroPython: names.py PORT, where a name server on this machine listens."""

import sys
from time import sleep_ms, ticks_diff, ticks_ms  # pyright: ignore[reportAttributeAccessIssue]

from lvs import lookup

lookup.PORT = int(sys.argv[1])
lookup.server = lambda: "127.0.0.1"
now = [0]
names = lookup.Lookup(lambda: now[0])


def look():
    began = ticks_ms()
    found = names.find("attic")
    assert ticks_diff(ticks_ms(), began) < 2000
    return found


def until(address):
    for _ in range(10000):
        if look() == address:
            return
        sleep_ms(1)


print(look())
now[0] += 10000  # asked again
until("1.2.3.1")
print(look())
names.renew()
print(look())
now[0] += 300000
until("1.2.3.3")
print(look())
assert names._socket is None
