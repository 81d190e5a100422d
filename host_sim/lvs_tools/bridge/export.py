"""`lvs export`: a history as CSV or Parquet, exact, a column a channel."""

import csv
import json
import re
import sqlite3
import sys
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

import click

from lvs import decimal
from lvs_tools import options
from lvs_tools.bridge.history import FILE, History

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SPAN = re.compile(r"(\d{1,9})([smhdw])")
_GROUP = 10_000  # rows that are written together
EXIT_UNABLE = 2


class Span(click.ParamType):
    """A span of time such as 90s, 15m, 1h, 1d, 1w: seconds."""

    name = "span"

    def convert(self, value, param, ctx):
        """Seconds of the text."""
        found = _SPAN.fullmatch(str(value))
        if not found or not int(found[1]):
            self.fail(f"'{value}' is no span: give 90s, 15m, 1h, 1d or 1w", param, ctx)
        return int(found[1]) * _UNITS[found[2]]


class Moment(click.ParamType):
    """A moment: ISO 8601 (local time unless it says otherwise), or a span before now: -7d."""

    name = "time"

    def convert(self, value, param, ctx):
        """Milliseconds since 1970."""
        if isinstance(value, int):
            return value
        if value.startswith("-"):
            back = SPAN.convert(value[1:], param, ctx)
            return int((datetime.now(timezone.utc).timestamp() - back) * 1000)
        try:
            return int(datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp() * 1000)
        except (ValueError, OverflowError):
            self.fail(
                f"'{value}' is no time: give 2026-01-31, 2026-01-31T12:00 or -7d", param, ctx
            )


SPAN, MOMENT = Span(), Moment()


def heading(channel):
    """The name of a channel's column: "energy (kWh)"."""
    _, name, unit, *_ = channel
    return f"{name} ({unit})" if unit else name


def text(channel, raw):
    """The exact value of a channel, its offset included, as text."""
    _, _, _, m, e, offset = channel
    return decimal.text(raw, (m, e), decimal.number(offset))


def _cells(history, rows):
    for at, known in rows:
        cells = [text(c, known[c[0]]) if c[0] in known else None for c in history.channels]
        yield datetime.fromtimestamp(at / 1000, timezone.utc), cells


def _stamp(when, timespec="seconds"):
    return when.isoformat(timespec=timespec).replace("+00:00", "Z")


def write_csv(history, rows, stream):
    """Write rows as CSV (RFC 4180, UTF-8, times in UTC); returns how many."""
    out = csv.writer(stream, lineterminator="\r\n")
    out.writerow(["time", *map(heading, history.channels)])
    n = 0
    for when, cells in _cells(history, rows):
        out.writerow(
            [_stamp(when, "milliseconds"), *("" if cell is None else cell for cell in cells)]
        )
        n += 1
    return n


def write_parquet(history, rows, path):
    """Write rows as Parquet, values as exact decimals; returns how many."""
    import pyarrow
    from pyarrow import parquet

    fields = [pyarrow.field("time", pyarrow.timestamp("ms", "UTC"))]
    for c in history.channels:
        digits = len(text(c, 0).partition(".")[2])
        # 2**48 steps of six digits and an offset have 38 digits at most between them.
        fields.append(pyarrow.field(heading(c), pyarrow.decimal128(38, digits)))
    schema = pyarrow.schema(fields)
    n = 0
    with parquet.ParquetWriter(path, schema) as out:
        group = []

        def flush():
            columns = list(zip(*group, strict=True)) if group else [()] * len(fields)
            out.write_table(
                pyarrow.table(
                    [pyarrow.array(c, f.type) for c, f in zip(columns, fields, strict=True)],
                    schema,
                )
            )
            group.clear()

        for when, cells in _cells(history, rows):
            group.append((when, *(None if cell is None else Decimal(cell) for cell in cells)))
            n += 1
            if len(group) == _GROUP:
                flush()
        flush()
    return n


def _write(history, rows, csv_path, parquet_path):
    """Write the tables that are wanted. rows: () -> an iterator; returns how many, by path."""
    written = {}
    if csv_path == "-":
        written["-"] = write_csv(history, rows(), sys.stdout)
    elif csv_path:
        with (
            options.whole(csv_path) as path,
            open(path, "w", newline="", encoding="utf-8") as stream,
        ):
            written[csv_path] = write_csv(history, rows(), stream)
    if parquet_path:
        with options.whole(parquet_path) as path:
            written[parquet_path] = write_parquet(history, rows(), path)
    return written


@click.command("export")
@click.argument("folder", type=click.Path(file_okay=False))
@click.option(
    "--csv",
    "csv_path",
    type=options.OutputFile((".csv",), dash=True),
    help="Write CSV to this file (- for standard output).",
)
@click.option(
    "--parquet",
    "parquet_path",
    type=options.OutputFile((".parquet",)),
    help="Write Parquet to this file.",
)
@click.option("--from", "start", type=MOMENT, help="2026-01-31, ...T12:00, or -7d [the first].")
@click.option("--to", "end", type=MOMENT, help="The same [the last].")
@click.option("--every", type=SPAN, help="A row every 15m, 1h, 1d, ... [at each change].")
@options.PRINT_JSON
def command(folder, csv_path, parquet_path, start, end, every, as_json):
    """Write the history in FOLDER as a table: a column a channel, exact, times in UTC.

    The bridge may run on meanwhile. With --every each row has what was the newest then.

    \b
    Examples:
      lvs export history --csv all.csv
      lvs export history --csv - --from -7d --every 1h
      lvs export history --parquet may.parquet --from 2026-05-01 --to 2026-06-01
    """
    if not csv_path and not parquet_path:
        raise click.UsageError("give --csv FILE or --parquet FILE")
    try:
        history = History(folder)
        first, last = span = history.span()
    except OSError as error:
        options.fail(error, EXIT_UNABLE)
    except sqlite3.Error as error:
        options.fail(f"{Path(folder, FILE)}: {error}", EXIT_UNABLE)
    if first is None:
        options.fail(f"{folder}: the history is empty", EXIT_UNABLE)
    if start is not None and end is not None and start > end:
        raise click.UsageError("--from is later than --to: nothing lies between them")
    start = first if start is None else start
    end = last if end is None else end
    step = every * 1000 if every else None

    def rows():
        """Those since something is known."""
        return (row for row in history.rows(start, end, step) if row[1])

    try:
        written = _write(history, rows, csv_path, parquet_path)
    except sqlite3.Error as error:
        options.fail(f"{Path(folder, FILE)}: {error}; nothing was written", EXIT_UNABLE)
    if not any(written.values()):
        begin, until = (_stamp(datetime.fromtimestamp(t // 1000, timezone.utc)) for t in span)
        options.warn(
            f"no row: the history goes from {begin} to {until}; give other times, or a smaller"
            " --every"
        )
    written.pop("-", None)
    if as_json:
        click.echo(json.dumps({"rows": written}), err=csv_path == "-")
        return
    for path, n in written.items():
        click.echo(f"{path}: {n} rows", err=csv_path == "-")
