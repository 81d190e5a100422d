"""Puts a node's parts together, each with the few it works with. Needed once: then unloaded."""

from .capacity import fitting
from .config import EPOCH_CYCLES, Config
from .contributions import Contributions
from .drift_core import Drift
from .elsewhere import Elsewhere
from .entropy_engine import Governor, Noise, Trickle
from .ep_sender import EpSender
from .fixed import ConfigError, unload
from .ledger import Ledger
from .lifecycle import Lifecycle
from .mesh_clock import MeshClock
from .outbox import Outbox
from .placement import Placement
from .reception import Reception
from .replica import maker
from .routes import Routes
from .sdm_sender import SdmSender
from .wire import SLOTS, Frame


def _machine(config, transport, now, entropy):
    """The world: what is not given is the machine's own."""
    cfg = config if isinstance(config, Config) else Config(config)
    if not cfg.held:
        raise ConfigError("held: 0 is a leaf, which holds nothing: lvs.leaf.Leaf")
    if now is None or entropy is None:
        from . import machine

        now = now or machine.clock
        entropy = entropy or machine.entropy
    if transport is None:
        from .transport_layer import UdpTransport

        transport = UdpTransport(cfg.address, cfg.broadcast, cfg.port, now)
    return cfg, transport, now, entropy


def _start(cfg, transport, now, journal, noise, clock, routes, ledger, placement, contributions):
    """Begin a session, with what the journal kept, and hold shards; returns addresses to try."""
    contributions.rotate()
    journal.attach(
        config=cfg,
        clock=clock,
        now=now,
        noise=noise,
        ledger=ledger,
        routes=routes,
        transport=transport,
        placement=placement,
    )
    if journal.restore():
        clock.turned()
        contributions.restored()
    placement.fill(ledger.session.nonce)
    return journal.addresses


def assemble(config, transport, now, entropy, journal, frame):
    """The parts of a Node, in its order; None stands for the machine's own, as Node says."""
    cfg, transport, now, entropy = _machine(config, transport, now, entropy)
    if not journal:
        from .ram_journal import RamJournal

        journal = RamJournal()
    began = now()
    noise = Noise(entropy)
    governor = Governor(cfg.kb_per_min, began)
    trickle = Trickle(noise, governor, began)
    # A mesh begins where no horizon is negative.
    clock = MeshClock(began, (cfg.lifetime + 2) * cfg.grain * EPOCH_CYCLES, cfg.grain)
    routes = Routes(cfg.routes, noise.nonce(), cfg.route_budget, cfg.lifetime * cfg.grain)
    ledger = Ledger(len(cfg.channels))
    ledger.lineage = bytes([noise.nonce() & 255 for _ in range(12)])
    ledger.new_epoch(cfg.route_budget)
    make = maker(cfg, clock, Drift(), routes, noise, trickle)
    shards = -(-len(cfg.channels) // SLOTS)
    placement = Placement(shards, cfg.held, cfg.replicas, make, cfg.rows)
    elsewhere = Elsewhere(ledger)
    contributions = Contributions(cfg, clock, now, noise, ledger, placement, elsewhere, journal)
    life = Lifecycle(clock, now, ledger, placement, contributions, routes, trickle, journal)
    outbox = Outbox(transport, governor, routes, noise, cfg.peers)
    world = cfg, transport, now, journal
    pace = noise, governor, trickle, clock
    state = routes, ledger, placement, elsewhere
    rules = contributions, life
    eps = EpSender(outbox, now(), cfg, pace, state, life)
    sdms = SdmSender(outbox, cfg, pace, state, life)
    reception = Reception(frame or Frame(), world, pace, state, rules, eps)
    if cfg.auto():
        cfg.rows = fitting(cfg.rows, min(shards, cfg.held))
        unload("capacity")
    outbox.remembered = _start(
        cfg, transport, now, journal, noise, clock, routes, ledger, placement, contributions
    )
    life.remembered = [transport.key(addr) for addr in outbox.remembered]
    return world, pace, state, rules, (outbox, eps, sdms, reception)
