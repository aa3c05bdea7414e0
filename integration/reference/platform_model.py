"""A naive model of the platform: it keeps whatever was sent and answers by reading all of it again.

It knows nothing of hours, rollups or transactions. Numbers are exact (`Fraction`).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Any

CANCEL = "aflo.cancel_previous_resource_event"
HALF_EVEN = Context(prec=34, rounding=ROUND_HALF_EVEN, Emin=-999999, Emax=999999)
EXACT = Context(prec=200)
OWN = {
    "sum_of_all_usage": "SUM",
    "active_users": "UNIQUE",
    "event_duration": "SUM",
    "count": "COUNT",
    "max": "MAX",
    "min": "MIN",
    "average": "AVG",
    "latest": "LATEST",
}

Json = dict[str, Any]


@dataclass
class Record:
    meter: str
    customer: str
    value: Decimal
    time: int
    unique_id: str | None
    dimensions: dict[str, str]
    time_derived: bool = False

    @property
    def is_cancel(self) -> bool:
        return self.dimensions.get(CANCEL) == "true"

    def key(self, by_unique_id: bool) -> tuple[Any, ...]:
        if by_unique_id and self.unique_id is not None:
            return (self.meter, self.customer, self.unique_id)
        dimensions = {k: v for k, v in self.dimensions.items() if not (k == CANCEL and v == "true")}
        timeless = self.time_derived and self.unique_id is not None
        return (
            self.meter,
            self.customer,
            None if timeless else self.time,
            timeless,
            self.unique_id,
            Fraction(self.value),
            tuple(sorted(dimensions.items())),
        )


@dataclass
class Identity:
    """All that came with one duplicate key."""

    records: list[Record] = field(default_factory=list)
    cancels: list[Record] = field(default_factory=list)

    @property
    def earliest(self) -> Record:
        return min(self.records, key=lambda record: record.time)


class Model:
    def __init__(self) -> None:
        self.meters: dict[str, Json] = {}
        self.sent: list[Record] = []
        self.rejected = 0

    # What is known

    def identities(self) -> list[Identity]:
        found: dict[tuple[Any, ...], Identity] = defaultdict(Identity)
        for record in self.sent:
            by_unique_id = self.meters.get(record.meter, {}).get("deduplication") == "uniqueId"
            identity = found[record.key(by_unique_id)]
            (identity.cancels if record.is_cancel else identity.records).append(record)
        return list(found.values())

    def classes(self) -> dict[str, int]:
        """`received` and what it is made of."""
        count = dict.fromkeys(["counted", "duplicate", "cancelled", "undefined"], 0)
        for identity in self.identities():
            records, cancels = len(identity.records), len(identity.cancels)
            count["duplicate"] += max(0, records - 1) + max(0, cancels - 1)
            if cancels:
                count["cancelled"] += min(1, records) + 1
            elif identity.records[0].meter in self.meters:
                count["counted"] += 1
            else:
                count["undefined"] += 1
        return {"received": len(self.sent) + self.rejected, "rejected": self.rejected, **count}

    def counted(self, meter: str) -> list[Record]:
        return [
            identity.earliest
            for identity in self.identities()
            if identity.records and not identity.cancels and identity.records[0].meter == meter
        ]

    # Usage

    def usage(self, query: Json, sparse: bool = False) -> Json:
        meter = self.meters[query["meterApiName"]]
        function = (query.get("aggregation") or OWN[meter["meterType"]]).upper()
        interval = (query.get("timeGroupingInterval") or "HOUR").upper()
        start = bucket(query["timeRange"]["startTimeInSeconds"] * 1000, interval)
        last = query["timeRange"]["endTimeInSeconds"] * 1000 - 1
        end = following(bucket(last, interval), interval)
        keys = query.get("groupBy") or []
        groups: dict[tuple[str | None, ...], dict[int, list[Any]]] = defaultdict(lambda: defaultdict(list))
        for time, record, amount in self.amounts(meter, function, interval):
            if start <= time < end and fits(record, query.get("filter") or {}):
                group = tuple(value_of(record, key) for key in keys)
                groups[group][bucket(time, interval)].append((time, record, amount))
        if not keys and () not in groups:
            groups[()] = {}
        series = []
        for group, buckets in groups.items():
            parts = [part for cell in buckets.values() for part in cell]
            series.append((group, result(function, meter, parts), buckets))
        series.sort(key=lambda one: group_order(one[0]))
        if take := query.get("take"):
            sign = 1 if take.get("isAscending") else -1
            series.sort(key=lambda one: sign * one[1])
            series = series[: take["limit"]]
        starts = (
            sorted({at for _, _, buckets in series for at in buckets})
            if sparse
            else list(range_of(start, end, interval))
        )
        return {
            "secondsSinceEpochIntervals": [at // 1000 for at in starts],
            "clientMeters": [
                {
                    "group": {"groupInfo": dict(zip(keys, group, strict=True))},
                    "groupValue": text(total),
                    "values": values(function, meter, buckets, sorted(buckets) if sparse else starts),
                }
                for group, total, buckets in series
            ],
        }

    def amounts(self, meter: Json, function: str, interval: str) -> Iterable[tuple[int, Record, Fraction]]:
        """Each counted record at its time, or each stretch of running time at its bucket."""
        records = self.counted(meter["meterApiName"])
        if meter["meterType"] != "event_duration" or function == "COUNT":
            for record in records:
                yield record.time, record, Fraction(record.value)
            return
        # A group or a sparse bucket shows with a record of it, whether or not that record makes anything run.
        for record in records:
            yield record.time, record, Fraction(0)
        timeout = meter["timeoutInMinutes"] * 60_000
        by_series: dict[Any, list[Record]] = defaultdict(list)
        for record in records:
            if record.value in (0, 1):
                by_series[(record.customer, tuple(sorted(record.dimensions.items())))].append(record)
        for events in by_series.values():
            # Of a start and a stop at one time the stop wins: it comes last.
            events.sort(key=lambda record: (record.time, -record.value))
            for event, after in zip(events, [*events[1:], None], strict=True):
                if event.value != 1:
                    continue
                stop = min(event.time + timeout, after.time if after else event.time + timeout)
                at = event.time
                while at < stop:
                    part = min(stop, following(bucket(at, interval), interval))
                    yield at, event, Fraction(part - at, 1000)
                    at = part


def fits(record: Record, wanted: dict[str, Any]) -> bool:
    return all(
        value_of(record, key) in (values if isinstance(values, list) else [values])
        for key, values in wanted.items()
    )


def value_of(record: Record, key: str) -> str | None:
    return record.customer if key == "customerId" else record.dimensions.get(key)


def group_order(group: tuple[str | None, ...]) -> list[tuple[bool, bytes]]:
    return [(value is not None, (value or "").encode()) for value in group]


def result(function: str, meter: Json, parts: list[tuple[int, Record, Fraction]]) -> Fraction:
    amounts = [amount for _, _, amount in parts]
    if function == "UNIQUE":
        names = meter["aggregationDimensions"]
        tuples = {tuple(record.dimensions.get(name) for name in names) for _, record, _ in parts}
        return Fraction(len([one for one in tuples if any(value is not None for value in one)]))
    if function == "COUNT":
        return Fraction(len(amounts))
    if not amounts:
        return Fraction(0)
    match function:
        case "SUM":
            return sum(amounts, Fraction(0))
        case "MIN":
            return min(amounts)
        case "MAX":
            return max(amounts)
        case "AVG" | "AVERAGE":
            return sum(amounts, Fraction(0)) / len(amounts)
        case "LATEST":
            return max((time, amount) for time, _, amount in parts)[1]
    raise ValueError(function)


def values(function: str, meter: Json, buckets: dict[int, list[Any]], starts: list[int]) -> list[Json]:
    listed: list[Json] = []
    previous: Fraction | None = None
    for at in starts:
        value = result(function, meter, buckets.get(at, []))
        listed.append(
            {
                "percentageFromPrevious": text(percentage(previous, value)),
                "value": text(value),
                "secondsSinceEpochUtc": at // 1000,
            }
        )
        previous = value
    return listed


def percentage(previous: Fraction | None, value: Fraction) -> Fraction:
    if previous is None or previous == value:
        return Fraction(0)
    if previous == 0:
        return Fraction(100)
    return (value - previous) / previous * 100


def text(number: Fraction) -> Decimal:
    """The number as the API writes it: exact where it ends, else 34 significant digits, half to even."""
    denominator = number.denominator
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    context = EXACT if denominator == 1 else HALF_EVEN
    exact = context.divide(Decimal(number.numerator), Decimal(number.denominator))
    return exact.normalize(EXACT) if exact else Decimal(0)


# Time


def moment(at: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)


def millis(when: datetime) -> int:
    return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def bucket(at: int, interval: str) -> int:
    when = moment(at).replace(second=0, microsecond=0)
    if interval != "MINUTE":
        when = when.replace(minute=0)
    if interval in ("DAY", "WEEK", "MONTH"):
        when = when.replace(hour=0)
    if interval == "WEEK":
        when -= timedelta(days=when.weekday())
    if interval == "MONTH":
        when = when.replace(day=1)
    return millis(when)


def following(start: int, interval: str) -> int:
    steps = {"MINUTE": 60, "HOUR": 3600, "DAY": 86400, "WEEK": 7 * 86400}
    if interval in steps:
        return start + steps[interval] * 1000
    return bucket(start + 32 * 86_400_000, "MONTH")


def range_of(start: int, end: int, interval: str) -> Iterable[int]:
    while start < end:
        yield start
        start = following(start, interval)


# Retention


@dataclass
class Kept:
    """All that came with one key, and what became of it; its place is the time of what counts."""

    records: list[Record] = field(default_factory=list)
    cancels: list[Record] = field(default_factory=list)
    is_frozen: bool = False

    @property
    def earliest(self) -> Record:
        return min(self.records, key=lambda record: record.time)

    @property
    def place(self) -> int:
        return self.earliest.time if self.records else self.cancels[0].time


@dataclass
class FrozenUsage:
    """What a meter's usage was when the mark passed it, by the dimensions of that time."""

    records: list[Record] = field(default_factory=list)
    parts: list[tuple[int, Record, Fraction]] = field(default_factory=list)


class RetainingModel(Model):
    """The same with a retention mark: what it passes is copied and left alone from then on."""

    def __init__(self) -> None:
        super().__init__()
        self.mark = 0
        self.newest_hour = -1
        self.known: dict[tuple[Any, ...], Kept] = {}
        self.gone: list[Kept] = []
        self.past: dict[str, FrozenUsage] = defaultdict(FrozenUsage)
        # By meter and series the start that still runs behind the mark.
        self.running: dict[str, dict[Any, Record]] = defaultdict(dict)

    def receive(self, record: Record) -> None:
        self.sent.append(record)
        if record.time < self.mark:
            self.reject(record)
            return
        by_unique_id = self.meters.get(record.meter, {}).get("deduplication") == "uniqueId"
        kept = self.known.setdefault(record.key(by_unique_id), Kept())
        if kept.is_frozen:
            if record.is_cancel and kept.records and not kept.cancels:
                self.reject(record)
                return
            if not record.is_cancel and not kept.records:
                # Its cancel came long ago; the record is at its own time.
                kept.is_frozen = False
                self.gone.remove(kept)
                self.note(record)
        elif self.is_news(kept, record):
            self.note(record)
        (kept.cancels if record.is_cancel else kept.records).append(record)

    def reject(self, record: Record) -> None:
        self.sent.remove(record)
        self.rejected += 1

    def is_news(self, kept: Kept, record: Record) -> bool:
        if record.is_cancel:
            return not kept.cancels
        return not kept.records or record.time < kept.earliest.time

    def note(self, record: Record) -> None:
        self.newest_hour = max(self.newest_hour, record.time // 3_600_000)

    def retain(self, days: int) -> None:
        """Moves the mark; the clock is always ahead of the records here."""
        mark = max(self.mark, (self.newest_hour - 24 * days) * 3_600_000)
        for name, meter in self.meters.items():
            past = self.past[name]
            declared = {*meter["dimensions"], *meter["aggregationDimensions"]}

            def restricted(record: Record, declared: set[str] = declared) -> Record:
                kept = {k: v for k, v in record.dimensions.items() if k in declared}
                return Record(**vars(record) | {"dimensions": kept})

            if meter["meterType"] == "event_duration":
                for at, record, amount in list(self.spans(meter, "HOUR")):
                    if at < mark:
                        past.parts.append((at, restricted(record), amount))
            past.records += [restricted(one) for one in self.counted(name) if one.time < mark]
        for name, meter in self.meters.items():
            if meter["meterType"] == "event_duration":
                self.settle(name, meter, mark)
        for kept in self.known.values():
            if not kept.is_frozen and kept.place < mark:
                kept.is_frozen = True
                self.gone.append(kept)
        self.mark = mark

    def settle(self, name: str, meter: Json, mark: int) -> None:
        """Of each series the last event before the mark is kept, when it is a start that still runs."""
        timeout = meter["timeoutInMinutes"] * 60_000
        series_of = self.events(name)
        self.running[name] = {}
        for series, events in series_of.items():
            before = [event for event in events if event.time < mark]
            if before and before[-1].value == 1 and before[-1].time + timeout > mark:
                self.running[name][series] = before[-1]

    def identities(self) -> list[Any]:
        live = [kept for kept in self.known.values() if not kept.is_frozen]
        return [*self.gone, *live]

    def counted(self, meter: str) -> list[Record]:
        return [
            kept.earliest
            for kept in self.known.values()
            if not kept.is_frozen and kept.records and not kept.cancels and kept.earliest.meter == meter
        ]

    def events(self, name: str) -> dict[Any, list[Record]]:
        """Starts and stops by series, with those that outlived their records."""
        found: dict[Any, list[Record]] = defaultdict(list)
        for series, start in self.running[name].items():
            found[series].append(start)
        for record in self.counted(name):
            if record.value in (0, 1):
                found[(record.customer, tuple(sorted(record.dimensions.items())))].append(record)
        for events in found.values():
            events.sort(key=lambda record: (record.time, -record.value))
        return found

    def spans(self, meter: Json, interval: str) -> Iterable[tuple[int, Record, Fraction]]:
        """Running time behind the mark."""
        timeout = meter["timeoutInMinutes"] * 60_000
        for events in self.events(meter["meterApiName"]).values():
            for event, after in zip(events, [*events[1:], None], strict=True):
                if event.value != 1:
                    continue
                stop = min(event.time + timeout, after.time if after else event.time + timeout)
                at = max(event.time, self.mark)
                while at < stop:
                    part = min(stop, following(bucket(at, interval), interval))
                    yield at, event, Fraction(part - at, 1000)
                    at = part

    def amounts(self, meter: Json, function: str, interval: str) -> Iterable[tuple[int, Record, Fraction]]:
        name = meter["meterApiName"]
        past = self.past[name]
        is_duration = meter["meterType"] == "event_duration" and function != "COUNT"
        for record in [*past.records, *self.counted(name)]:
            yield record.time, record, Fraction(0) if is_duration else Fraction(record.value)
        if is_duration:
            yield from past.parts
            yield from self.spans(meter, interval)

    def is_refused(self, query: Json) -> bool:
        """Whether a question needs records that are behind the mark."""
        meter = self.meters[query["meterApiName"]]
        function = (query.get("aggregation") or OWN[meter["meterType"]]).upper()
        interval = (query.get("timeGroupingInterval") or "HOUR").upper()
        declared = {*meter["dimensions"], *meter["aggregationDimensions"]}
        named = {*(query.get("groupBy") or []), *(query.get("filter") or {})} - {"customerId"}
        if function == "UNIQUE":
            named |= set(meter["aggregationDimensions"])
        is_raw = interval == "MINUTE" or not named <= declared
        return is_raw and 0 < self.mark > bucket(query["timeRange"]["startTimeInSeconds"] * 1000, interval)
