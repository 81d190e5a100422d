"""What a part of the bench shows: tables of text, and goals that were met or missed."""

from dataclasses import dataclass, field


@dataclass
class Table:
    """title; head and rows of text; command: what measures it again; notes below it."""

    title: str
    command: str
    head: list
    rows: list
    notes: list = field(default_factory=list)


@dataclass
class Goal:
    """what: in words; measured, goal: text; met; why: what stands against it, if it is missed."""

    what: str
    measured: str
    goal: str
    met: bool
    why: str = ""


def number(value, digits=0):
    """A figure as text: thousands apart, a dash for none."""
    return "-" if value is None else f"{value:,.{digits}f}"


def lines(table):
    """A table as lines of Markdown."""
    yield "| " + " | ".join(table.head) + " |"
    yield "|" + "---|" * len(table.head)
    for row in table.rows:
        yield "| " + " | ".join(row) + " |"
