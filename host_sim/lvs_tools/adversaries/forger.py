"""Raises the rows of others."""

from lvs.fixed import MAX_RAW
from lvs_tools.adversaries.persona import Persona


class Forger(Persona):
    """Relays rows of live sessions with totals that their owners never had, and speaks as them."""

    def step(self, now_ms, heard):
        """Listen, and forge when it is time."""
        self.listen(now_ms, heard)
        if not self.rows or not self.due(now_ms, 1000, 4000):
            return []
        start, nonce, slot, total, shard = self.rng.choice(self.rows)
        more = min(total + self.rng.randint(1, 4 * self.mesh.config.max_allowed_shift), MAX_RAW)
        relayed = self.sdm(shard, relays=[(start, nonce, slot, more)])
        spoken = self.sdm(shard, own=[(slot, more)], session=(start, nonce))
        return [(None, self.rng.choice((relayed, spoken)), None)]
