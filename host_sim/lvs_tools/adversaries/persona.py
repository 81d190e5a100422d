"""What most liars share: a session, an ear for what honest nodes say, and a mouth for frames."""

from lvs.wide import MOST, of
from lvs.wire import EP, MAX_FRAME, SDM, SLOTS, WANT, Frame, SdmWriter, encode_ep

_DECODED = 4  # frames of a step that are read; honest nodes all say the same
_MEMORY = 64  # sessions and rows remembered
_RECOVERING_OR_JOINING = 6


class Persona:
    """A session of its own and the newest view of the mesh.

    cycle: of the mesh, or None before anything was heard; vectors, digests: by shard, as the
    newest honest EP had them; sessions: (start, nonce) heard of late; rows: (start, nonce, slot,
    total, shard) heard of late.
    """

    def __init__(self, rng, mesh):
        self.rng = rng
        self.mesh = mesh
        self.session = (0, rng.getrandbits(30))
        self.allies = frozenset(mesh.allies)
        self.cycle = None
        self._known = (0, 0)  # horizon, and the cycle at which it was heard
        self.vectors = {}
        self.digests = {}
        self.sessions = []
        self.rows = []
        self.shards = (len(mesh.channels) + SLOTS - 1) // SLOTS
        self._heard_at = 0
        self._next = 0
        self._frame = Frame()
        self._buf = bytearray(MAX_FRAME)
        self._writer = SdmWriter()

    def _decode(self, data):
        return self._frame.decode(data, self.mesh.tag, self.mesh.grain)

    # --- ears -----------------------------------------------------------------------------------

    def listen(self, now_ms, heard):
        """Read the newest frames of `heard` whose source is to be believed."""
        frame = self._frame
        if self.cycle is not None:
            passed = (now_ms - self._heard_at) // 1000
            self.cycle += passed
            self._heard_at += passed * 1000
        believed = [h for h in heard if self.believes(h[1])]
        for data, source in believed[-_DECODED:]:
            if self._decode(data):
                continue
            if self.cycle is None:
                self.session = (self.grain_at(frame.cycle), self.session[1])
                self._heard_at = now_ms
                self.cycle = frame.cycle
            elif self.cycle < frame.cycle <= self.cycle + 2:
                self.cycle = frame.cycle
            self._keep(self.sessions, (frame.start, frame.nonce))
            if frame.kind == EP and not frame.flags & _RECOVERING_OR_JOINING:
                self._known = (frame.horizon, frame.cycle)
                self.vectors[frame.shard] = list(frame.vector)[: self._slots(frame.shard)]
                self.digests[frame.shard] = list(frame.digests)
                self.heard_from(source, frame.shard)
            elif frame.kind == SDM:
                for i in range(frame.owns):
                    self._keep(
                        self.rows,
                        (
                            frame.start,
                            frame.nonce,
                            frame.own_slot[i],
                            frame.own_total[i],
                            frame.shard,
                        ),
                    )

    def believes(self, source) -> bool:
        """Does this address tell what the mesh holds? Liars are believed, too, unless changed."""
        return True

    def heard_from(self, source, shard):
        """An EP with state of a shard was read: vectors and digests hold what it said."""

    def seekers(self, heard):
        """[(address, shard)] of those among `heard` who look for state, each once."""
        frame = self._frame
        found = []
        for data, source in heard:
            if self._decode(data):
                continue
            seeks = frame.kind == EP and frame.flags & _RECOVERING_OR_JOINING
            if seeks and source not in self.allies and (source, frame.shard) not in found:
                found.append((source, frame.shard))
        return found

    def _keep(self, memory, item):
        if item not in memory:
            memory.append(item)
            if len(memory) > _MEMORY:
                memory.pop(0)

    # --- mouth ----------------------------------------------------------------------------------

    def due(self, now_ms, least=3000, most=7000):
        """True when it is time to speak again, after a drawn pause of `least` to `most` ms."""
        if self.cycle is None or now_ms < self._next:
            return False
        self._next = now_ms + self.rng.randint(least, most)
        return True

    def truth(self, shard):
        """The settled vector of a shard as last heard (zeros before)."""
        return self.vectors.get(shard, [0] * self._slots(shard))

    def _slots(self, shard):
        return max(0, min(SLOTS, len(self.mesh.channels) - shard * SLOTS))

    def horizon_at(self, cycle):
        """The horizon that fits a cycle, 16 bits, as honest nodes have it at theirs."""
        horizon, then = self._known
        return horizon + self.grain_at(cycle) - self.grain_at(then) & 0xFFFF

    def grain_at(self, cycle):
        """The grain of a cycle, 16 bits: sessions begin in grains."""
        return (cycle >> 6) // self.mesh.grain & 0xFFFF

    @property
    def horizon(self):
        """The mesh's horizon now."""
        return self.horizon_at(self.cycle)

    def ep(
        self,
        vector,
        shard=0,
        flags=0,
        cycle=None,
        session=None,
        digests=None,
        horizon=None,
    ):
        """The bytes of an EP that says `vector`; all else is as honest nodes have it."""
        start, nonce = session or self.session
        n = encode_ep(
            self._buf,
            self.mesh.tag,
            start,
            nonce,
            self.cycle if cycle is None else cycle,
            shard,
            self.rng.getrandbits(30),
            self.horizon if horizon is None else horizon,
            flags,
            0,
            (1 << self.shards) - 1,
            0,  # a list that says nothing contradicts none
            0,
            digests or self.digests.get(shard, [0] * 8),
            of(vector),
        )
        return bytes(self._buf[:n])

    def sdm(self, shard=0, own=(), relays=(), session=None, cycle=None, answers=0):
        """The bytes of a state diff message.

        own: (slot, total); relays: (start, nonce, slot, total);
        answers: bit map of the digest buckets that it says to complete.
        """
        start, nonce = session or self.session
        writer = self._writer
        cycle = self.cycle if cycle is None else cycle
        writer.begin(self.mesh.tag, start, nonce, cycle, shard, 32, self.mesh.grain)
        writer.answers(answers)
        for slot, total in own:
            writer.own(slot, total)
        for relay_start, relay_nonce, slot, total in relays:
            writer.relay(relay_nonce, relay_start, slot, total)
        return bytes(writer.buf[: writer.end()])

    def say(self, change, flags=0):
        """One broadcast EP for each shard, each settled value v replaced by ``change(v)``."""
        return [
            (None, self.ep([clamp(change(v)) for v in self.truth(shard)], shard, flags), None)
            for shard in range(self.shards)
        ]

    def honest(self):
        """One broadcast EP for each shard that says what everybody says."""
        return self.say(lambda v: v)

    def want(self, shard, session=None):
        """An EP that asks for everything, whatever is held."""
        return self.ep(
            self.truth(shard),
            shard,
            WANT,
            session=session,
            digests=[self.rng.getrandbits(16) for _ in range(8)],
        )


def clamp(value):
    """`value` inside what a field holds, 0 .. 2**48 - 1."""
    return 0 if value < 0 else min(value, MOST)
