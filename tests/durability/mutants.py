"""Journals that are broken on purpose: what the campaign has to catch.

Each mutant is a function that breaks something through pytest's ``monkeypatch``.
"""

from lvs import (
    journal,
    journal_log,
    journal_reader,
    journal_replay,
    journal_restore,
    ledger,
    restart,
)


def acknowledge_before_write(patch):
    """A contribution is called durable before it is written."""
    patch.setattr(journal.Journal, "flush", lambda self: True)


def no_checksum(patch):
    """Records are believed whatever has become of them."""
    for module in (journal_log, journal_reader):
        patch.setattr(module, "crc16", lambda data, n: 0)


def no_order_of_tails(patch):
    """Of the two tails the first that can be read is taken, not the newest."""
    patch.setattr(journal_replay, "serial_diff", lambda a, b: -1)


def no_sequence(patch):
    """Records are believed whatever segment they belong to, and in whatever order they come."""
    sound = journal_reader.Reader._sound

    def believing(self):
        self.mark = None
        self._next = 0
        return sound(self)

    patch.setattr(journal_reader.Reader, "_sound", believing)


def replay_twice(patch):
    """Amounts are added instead of set when a record repeats what an older one said."""

    def entry(self, channel, total, known):
        s = self._session
        s.total[channel] += total
        s.known[channel] += known

    patch.setattr(journal_restore.Restorer, "entry", entry)


def delete_first(patch):
    """The old segment goes before the new one is whole."""
    begin = journal_log.Log.begin

    def eager(self, mark):
        for n in journal_log.segments(self.files, self.tag):
            self.files.remove(journal_log.segment_name(n, self.tag))
        begin(self, mark)

    patch.setattr(journal_log.Log, "begin", eager)


def one_tail(patch):
    """The only copy of the newest state is overwritten."""

    def write_tail(self):
        self.serial = (self.serial + 1) & 0xFFFF
        self.files.replace(journal_log.tail_name(0, self.tag), self._drain())

    patch.setattr(journal_log.Log, "write_tail", write_tail)


def no_bars(patch):
    """What the journal remembers as untold is told all the same."""

    def kept(self, lead):
        self.named = True
        for c in range(self.channels):
            self.free[c] = self.waiting.part(c, 0)

    patch.setattr(ledger.Ledger, "kept", kept)


def told_before_it_is_kept(patch):
    """What waits is told before the journal knows where it went."""
    patch.setattr(journal, "withheld", lambda ledger: False)
    patch.setattr(ledger.Ledger, "kept", lambda self, lead: None)


def what_waits_counts_as_told(patch):
    """After a restart nothing waits any more."""
    restore = restart.restore

    def forgetful(own, sessions, waiting, *rest):
        restore(own, sessions, [0] * own.channels, *rest)

    patch.setattr(restart, "restore", forgetful)


ALL = (
    acknowledge_before_write,
    no_checksum,
    no_order_of_tails,
    no_sequence,
    replay_twice,
    delete_first,
    one_tail,
    no_bars,
    told_before_it_is_kept,
    what_waits_counts_as_told,
)
