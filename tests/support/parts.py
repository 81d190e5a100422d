"""Single parts of a node, with what they work with around them."""

from lvs.config import Config
from lvs.drift_core import FULL_CONFIDENCE, Drift
from lvs.entropy_engine import Governor, Noise, Trickle
from lvs.replica import Replica
from lvs.routes import Routes
from lvs.vaultguard import ShardGuard
from lvs.wide import of


def trickle(noise, now=0):
    """A Trickle timer whose governor has all the tokens that it can have."""
    return Trickle(noise, Governor(50, now), now)


def guard(shard, routes=None):
    """VaultGuard's budgets of a shard."""
    return ShardGuard(shard, routes or Routes(8, 1))


def replica(epoch=100, **config):
    """A replica of shard 0 without a node."""
    checked = Config(
        dict(
            {"channels": ["a"], "mesh": "m", "session_epochs": 48, "horizon_epochs": 32}, **config
        )
    )
    noise = Noise(lambda: 1)
    parts = (Drift(), Routes(checked.routes, 1), noise, trickle(noise))
    return Replica(checked, 0, epoch, *parts)


def settle(shard, slot, value):
    """Let a settled value (raw) be another, as if it had always been so."""
    shard.settled[slot] = value
    shard.seal()


def establish(held, cycle):
    """Full confidence in what a replica holds, as a long quiet life would have led to."""
    shard = held.shard
    epoch = shard.epoch
    held.restore(
        of(list(shard.settled)[: shard.slots]), shard.horizon, epoch, FULL_CONFIDENCE, True
    )
    held.resume((), epoch)
    held.go_live()
