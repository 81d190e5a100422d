"""The events of a scenario: what they do to the machines, and to which."""

from lvs_tools.world.machine import DOWN, UP, WAITING

CERTAIN = 1 << 30


class Faults:
    """Carries out the plan's events on a world; `count` says how many, for reports."""

    def __init__(self, world, prng):
        self._world = world
        self._prng = prng
        self._groups = 0
        self.count = {}
        for event in world.plan["events"]:
            if event["action"] in ("join", "clone"):
                # Whoever joins later must not be there before, so these are drawn now.
                event = dict(event, nodes=self._targets(event, world.honest))
                for index in event["nodes"]:
                    world.machines[index].late = True
            world.timeline.at(event["at_ms"], self.happen, event)

    def add(self, event):
        """Have an event of a plan happen that was not in it; of several the last one first."""
        self._world.timeline.first(event["at_ms"], self.happen, event)

    def _targets(self, event, candidates):
        """Indices of the machines that an event means, drawn among `candidates` if need be."""
        if event["nodes"] is not None:
            return event["nodes"]
        if event["fraction"] is None:
            return []
        share = event["fraction"] * len(self._world.honest)
        wanted = (share + CERTAIN // 2) // CERTAIN
        if wanted == 0 and share:
            wanted = 1
        if wanted > len(candidates):
            wanted = len(candidates)
        return sorted(m.index for m in self._prng.sample(candidates, wanted))

    def _in_state(self, *states):
        return [m for m in self._world.honest if m.state in states]

    def _candidates(self, action):
        if action == "restart":
            # A fraction means those that are down; running ones only if no machine is.
            return self._in_state(DOWN) or self._in_state(UP)
        if action in ("partition", "skew"):
            return self._in_state(UP, DOWN, WAITING)
        if action in ("leave", "wipe", "carry", "list", "retire"):
            return self._in_state(UP, DOWN)
        return self._in_state(UP)

    def happen(self, event):
        """Let an event of a plan happen now."""
        action = event["action"]
        targets = self._targets(event, self._candidates(action))
        machines = [self._world.machines[i] for i in targets]
        world = self._world
        number = len(machines) or 1
        self.count[action] = self.count.get(action, 0) + number
        if action == "partition":
            self._groups += 1
            for machine in machines:
                machine.group = self._groups
            world.network.regroup()
        elif action == "heal":
            for machine in machines or world.machines:
                machine.group = 0
            world.network.regroup()
        elif action == "loss":
            self._loss(event, machines)
        else:
            for machine in machines:
                if machine.sleeper:
                    source = event.get("source")
                    machine.sleeper.strike(action, source and world.machines[source].sleeper)
                else:
                    self._strike(machine, event)

    def _loss(self, event, machines):
        network = self._world.network
        value = event["value"]
        if event["nodes"] is None and event["fraction"] is None:
            network.loss = value << 1
            return
        network.uneven = True
        for machine in machines:
            machine.deaf = value

    def _strike(self, machine, event):
        world = self._world
        action, value = event["action"], event["value"]
        if action == "join":
            world.boot(machine)
        elif action == "crash":
            world.crash(machine)
        elif action == "leave":
            world.leave(machine)
        elif action == "restart":
            world.crash(machine)
            world.boot(machine)
        elif action == "skew":
            machine.clock.skew(value)
            world.wake(machine)
        elif action == "low_power":
            machine.low_power = bool(value)
            world.set_low_power(machine)
        elif action == "corrupt":
            world.corrupt(machine, value, self._prng)
        elif action == "contribute":
            world.contribute(machine, event["channel"], value, event["durable"])
        elif action == "stop":
            world.stop(machine)
        elif action == "list":
            world.enlist(machine, value)
        elif action == "retire":
            world.retire(machine, event["channel"])
        else:
            self._flash(machine, event)

    def _flash(self, machine, event):
        """What befalls a machine's flash, and which mesh it serves."""
        world = self._world
        action = event["action"]
        if action == "wipe":
            world.wipe(machine)
        elif action == "clone":
            world.clone(world.machines[event["source"]], machine)
        elif action == "carry":
            world.carry(machine, event["mesh"])
