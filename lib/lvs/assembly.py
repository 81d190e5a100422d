"""Puts a node's parts together, each with the few it works with. Needed once: then unloaded."""

from .config import Config
from .contributions import Contributions
from .drift_core import Drift
from .elsewhere import Elsewhere
from .entropy_engine import Governor, Noise, Trickle
from .ep_sender import EpSender
from .ledger import Ledger
from .lifecycle import Lifecycle
from .mesh_clock import MeshClock
from .outbox import Outbox
from .peers import Peers
from .placement import Placement
from .ram_journal import RamJournal
from .reception import Reception
from .replica import maker
from .routes import Routes
from .sdm_sender import SdmSender
from .wire import SLOTS, Frame


def assemble(config, transport, now, entropy, journal, frame):
    """The parts of a Node, in its order; None stands for the machine's own, as Node says."""
    cfg = config if isinstance(config, Config) else Config(config)
    if now is None or entropy is None:
        from . import machine

        now = now or machine.clock
        entropy = entropy or machine.entropy
    if transport is None:
        from .transport_layer import UdpTransport

        transport = UdpTransport(cfg.address, cfg.broadcast, cfg.port, now)
    journal = journal or RamJournal()
    began = now()
    noise = Noise(entropy)
    governor = Governor(cfg.kb_per_min, began)
    trickle = Trickle(noise, governor, began)
    clock = MeshClock(began, (cfg.lifetime + 2) * 64)  # a mesh begins where no horizon is negative
    routes = Routes(cfg.routes, noise.nonce())
    peers = Peers(cfg.sessions, noise.nonce())
    ledger = Ledger(len(cfg.channels))
    ledger.new_epoch(cfg.route_budget)
    placement = Placement(
        (len(cfg.channels) + SLOTS - 1) // SLOTS,
        cfg.held,
        cfg.replicas,
        maker(cfg, clock, Drift(), routes, peers, noise, trickle),
    )
    elsewhere = Elsewhere(ledger)
    contributions = Contributions(cfg, clock, now, noise, ledger, placement, elsewhere, journal)
    life = Lifecycle(
        cfg.lifetime, clock, now, ledger, placement, contributions, routes, trickle, journal
    )
    outbox = Outbox(transport, governor, routes, noise, cfg.peers)
    said = (cfg, outbox, governor, noise, clock, ledger, placement, elsewhere, peers, routes, life)
    eps = EpSender(*said, now())
    sdms = SdmSender(*said)
    reception = Reception(
        frame or Frame(),
        cfg,
        clock,
        now,
        transport,
        ledger,
        placement,
        contributions,
        routes,
        peers,
        life,
        governor,
        trickle,
        eps,
        sdms,
        elsewhere,
    )
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
        contributions.rotate()
    outbox.remembered = journal.addresses
    placement.fill(ledger.session.nonce)
    life.seek()
    return (
        cfg,
        transport,
        now,
        journal,
        noise,
        governor,
        trickle,
        clock,
        routes,
        peers,
        ledger,
        placement,
        elsewhere,
        contributions,
        life,
        outbox,
        eps,
        sdms,
        reception,
    )
