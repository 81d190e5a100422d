"""A Python function of one's own that is told a value."""


class Callback:
    """Calls ``function(text, unit, why)`` of ``module`` whenever one of them changes.

    settings: {"module", "function": "write"}. text: the exact value as decimal text, None while it
    is to be safe; why: what is wrong with it, "" if nothing. An exception is reported, the first
    one, and changes nothing.
    """

    def __init__(self, settings, _levels, _width):
        self.module = settings["module"]
        name = settings.get("function", "write")
        try:
            self._function = getattr(__import__(self.module), name)
        except (ImportError, AttributeError) as e:
            raise ValueError("module '%s', function '%s': %s" % (self.module, name, e)) from None
        self._told = ()
        self._unit = ""
        self.errors = 0

    def _tell(self, text, why):
        try:
            self._function(text, self._unit, why)
        except Exception as e:
            self.errors += 1
            if self.errors == 1:
                print("LVS: sink '%s': %s: %s" % (self.module, type(e).__name__, e))

    def show(self, raw, why, node, c):
        """Tell a value (raw; None: be safe), if it is another."""
        if (raw, why) != self._told:
            self._told = raw, why
            self._unit = node.config.about(c, "unit")
            self._tell(None if raw is None else node.config.text(c, raw), why)

    def safe(self):
        """The program ends."""
        self._tell(None, "stopped")
