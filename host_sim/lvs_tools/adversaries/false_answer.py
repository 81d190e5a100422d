"""Says that all has been answered already, so that nobody answers."""

from lvs_tools.adversaries.persona import Persona

_ALL = 0xFF  # digest buckets


class FalseAnswer(Persona):
    """Empty answers under the session numbers of others, and known rows again, from its own
    address."""

    def name(self):
        """The session under which to speak, or None."""
        return self.rng.choice(self.sessions)

    def step(self, now_ms, heard):
        """Listen, and be quicker than whoever has an answer."""
        self.listen(now_ms, heard)
        if not self.sessions or not self.due(now_ms, 200, 600):
            return []
        said = []
        for shard in range(self.shards):
            rows = [row[:4] for row in self.rows if row[4] == shard][-20:]
            for relays in (), rows:
                frame = self.sdm(shard, relays=relays, session=self.name(), answers=_ALL)
                said.append((None, frame, None))
        return said


class TrustedAnswer(FalseAnswer):
    """The same under its own session, which agrees to the bit: it is trusted."""

    def name(self):
        """Its own."""
        return self.session

    def step(self, now_ms, heard):
        """As above, and EPs that agree."""
        said = super().step(now_ms, heard)
        return said + self.honest() if said and self.rng.randrange(8) == 0 else said
