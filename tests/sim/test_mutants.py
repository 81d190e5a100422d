"""Broken cores: the swarm must find each of them.

A mutant replaces one function of lib/lvs by a version with a mistake that somebody could make.
The unbroken core passes the same seeds in test_swarm.py.
"""

import pytest

from lvs import (
    drift_core,
    entropy_engine,
    ep_sender,
    gossip,
    ledger,
    mesh_clock,
    replica,
    routes,
    state_shard,
    vaultguard,
)
from lvs_tools.sim.swarm import command as swarm
from lvs_tools.sim.swarm import random_world

SEEDS = 200
MOST_NODES = 8


def no_dedupe(patch):
    """A row that is heard again counts again."""
    real = state_shard.Shard.merge

    def merge(self, start, nonce, slot, total, via):
        p = self.find(start, nonce, slot)
        if p >= 0 and self.claimed[p] == total:
            total = min(2 * total, (1 << 30) - 1)
        return real(self, start, nonce, slot, total, via)

    patch.setattr(state_shard.Shard, "merge", merge)


def differences_instead_of_totals(patch):
    """A node says what was added, and receivers add it up."""
    real = state_shard.Shard.merge

    def merge(self, start, nonce, slot, total, via):
        p = self.find(start, nonce, slot)
        if p >= 0 and total > self.claimed[p]:
            total = min(total + self.claimed[p], (1 << 30) - 1)
        return real(self, start, nonce, slot, total, via)

    patch.setattr(state_shard.Shard, "merge", merge)


def newest_instead_of_largest(patch):
    """A late message sets a total back."""
    real = state_shard.Shard.merge

    def merge(self, start, nonce, slot, total, via):
        p = self.find(start, nonce, slot)
        if p >= 0 and total < self.claimed[p]:
            self.inflow[slot] -= self.credited[p] - min(total, self.credited[p])
            self.credited[p] = min(total, self.credited[p])
            self.claimed[p] = total
        return real(self, start, nonce, slot, total, via)

    patch.setattr(state_shard.Shard, "merge", merge)


def fold_twice(patch):
    """Folded rows are added to settled twice."""
    real = state_shard.Shard.advance

    def advance(self, epoch):
        before = list(self.settled)
        rows = real(self, epoch)
        for s in range(self.slots):
            self.settled[s] += self.settled[s] - before[s]
        return rows

    patch.setattr(state_shard.Shard, "advance", advance)


def fold_forgets(patch):
    """Folded rows are dropped."""
    real = state_shard.Shard.advance

    def advance(self, epoch):
        before = list(self.settled)
        rows = real(self, epoch)
        for s in range(self.slots):
            self.settled[s] = before[s]
        return rows

    patch.setattr(state_shard.Shard, "advance", advance)


def folded_while_contributed(patch):
    """Rows are folded before their session is over."""
    real = state_shard.Shard.__init__

    def init(self, index, slots, capacity, lifetime, epoch, grain=1):
        real(self, index, slots, capacity, 1, epoch, grain)

    patch.setattr(state_shard.Shard, "__init__", init)


def no_clamp(patch):
    """Corrections know no limit."""
    real = drift_core.correction

    def correction(distance, confidence, dc, dither, limit):
        return real(distance, confidence, dc, dither, 1 << 29)

    patch.setattr(drift_core, "correction", correction)


def steps_overshoot(patch):
    """A step down goes three times as far as it was allowed to."""
    real = state_shard.Shard.shift

    def shift(self, slot, amount):
        real(self, slot, 3 * amount if amount < 0 else amount)

    patch.setattr(state_shard.Shard, "shift", shift)


def no_budget(patch):
    """VaultGuard allows every step."""
    patch.setattr(vaultguard.ShardGuard, "allow", lambda self, slot, step: step)


def ticks_compared_with_less(patch):
    """Ticks are subtracted as if they never wrapped."""
    for module in (entropy_engine, mesh_clock, gossip, ep_sender):
        patch.setattr(module, "ticks_diff", lambda a, b: a - b)


def budgets_are_never_renewed(patch):
    """A new epoch gives routes no new credit."""
    patch.setattr(routes.Routes, "new_epoch", lambda self, epoch: None)


def a_large_contribution_is_cut(patch):
    """What exceeds max_allowed_shift is dropped instead of spread over cycles."""
    real = ledger.Ledger.issue

    def issue(self, channel, max_step):
        moved = real(self, channel, max_step)
        self.waiting[channel] = 0
        return moved

    patch.setattr(ledger.Ledger, "issue", issue)


def no_anti_entropy(patch):
    """Digests that differ are not answered."""
    patch.setattr(replica.Replica, "lacking", lambda self, *rest: 0)


def a_session_keeps_the_old_total(patch):
    """A new session begins where the last one ended."""
    real = ledger.Ledger.open

    def open_(self, grain, random):
        before = list(self.session.total) if self.sessions else None
        real(self, grain, random)
        if before:
            for c in range(self.channels):
                self.session.total[c] = before[c]

    patch.setattr(ledger.Ledger, "open", open_)


# Each with the seed that is tried first, to save time: a small world that catches it.
MUTANTS = {
    no_dedupe: 42,
    differences_instead_of_totals: 10,
    newest_instead_of_largest: 10,
    fold_twice: 180,
    fold_forgets: 180,
    folded_while_contributed: 42,
    no_clamp: 65,
    steps_overshoot: 65,
    no_budget: 70,
    ticks_compared_with_less: 5,
    budgets_are_never_renewed: 188,
    a_large_contribution_is_cut: 10,
    no_anti_entropy: 42,
    a_session_keeps_the_old_total: 19,
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_swarm_finds(mutant, monkeypatch):
    mutant(monkeypatch)
    for seed in (MUTANTS[mutant], *range(1, SEEDS + 1)):
        wrong, _ = swarm.judge(random_world.draw(seed, MOST_NODES))
        if wrong:
            return
    pytest.fail("%d seeds did not find: %s" % (SEEDS, mutant.__doc__))
