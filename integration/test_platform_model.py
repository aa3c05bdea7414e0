"""Random histories: every usage endpoint answers what a model says that re-reads everything."""

import os
import random
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from components.platform import Platform, to_json
from reference.platform_model import CANCEL, OWN, Json, Model, Record, RetainingModel

RUNS = int(os.environ.get("METERTAP_MODEL_RUNS") or 200)
# These take a second each, for they start the platform several times.
RETAINED_RUNS = max(1, RUNS // 8)
START = 1_761_955_200_000  # 2025-11-01
HOUR = 3_600_000
DAY = 24 * HOUR


class History:
    """A random series of events on one meter, sent to the platform and told to the model."""

    # How many records are taken back.
    cancels = 0.06

    def __init__(self, platform: Platform, run: int, seed: int):
        self.platform = platform
        self.rng = random.Random(f"{seed}/{run}")
        self.model = Model()
        self.meter = f"meter-{run}"
        self.customers = [f"c{run}-{n}" for n in range(self.rng.randint(1, 4))]
        # Far from each other or close together, so that hours are full or hardly used.
        self.span = self.rng.choice([2 * HOUR, 3 * DAY, 40 * DAY])
        self.kind = self.rng.choice(list(OWN))
        self.definition: Json | None = None

    def run(self) -> None:
        steps = self.rng.randint(3, 9)
        defined_at = self.rng.randint(0, steps)
        for step in range(steps):
            if step == defined_at:
                self.define()
            self.send()
            if self.definition and self.rng.random() < 0.2:
                self.change()
        if not self.definition:
            self.define()
        for _ in range(6):
            self.compare()

    def define(self, deduplication: str | None = None) -> None:
        self.definition = {
            "meterApiName": self.meter,
            "label": self.meter,
            "meterType": self.kind,
            "dimensions": self.rng.choice([[], ["region"], ["region", "plan"]]),
            "aggregationDimensions": ["user"]
            if self.kind == "active_users"
            else self.rng.choice([[], ["user", "region"]]),
        }
        if self.kind == "event_duration":
            self.definition["timeoutInMinutes"] = self.rng.choice([1, 90, 3000])
        if not self.model.sent and self.rng.random() < 0.3:
            deduplication = "uniqueId"
        if deduplication:
            self.definition["deduplication"] = deduplication
        self.platform.post("/meters", self.definition)
        self.model.meters[self.meter] = self.definition

    def change(self) -> None:
        """Another way of keeping usage, or a meter that goes and comes again."""
        assert self.definition
        if self.rng.random() < 0.3 and "deduplication" not in self.definition:
            stored = self.platform.put("/meters", self.definition | {"lockingStatus": "deprecated"})
            self.platform.delete(f"/meters/{stored['id']}")
            self.define()
            return
        self.definition["dimensions"] = self.rng.choice([[], ["plan"], ["region", "plan"]])
        self.platform.put("/meters", self.definition)

    def send(self) -> None:
        records = [self.record() for _ in range(self.rng.randint(1, 12))]
        again = [record for record in self.model.sent if self.rng.random() < 0.1]
        cancels = [
            Record(**vars(record) | {"dimensions": record.dimensions | {CANCEL: "true"}})
            for record in [*self.model.sent, *records]
            if not record.is_cancel and self.rng.random() < self.cancels
        ]
        batch = [*records, *again, *cancels]
        self.rng.shuffle(batch)
        self.transmit(batch)

    def transmit(self, batch: list[Record]) -> None:
        self.platform.send([to_wire(record, self.rng) for record in batch])
        self.model.sent += batch

    def record(self) -> Record:
        if self.kind == "event_duration":
            value = self.rng.choice([Decimal(0), Decimal(1), Decimal(1), Decimal(2)])
        else:
            value = Decimal(self.rng.randint(-(10**6), 10**9)).scaleb(-self.rng.randint(0, 8))
        dimensions = {
            name: self.rng.choice(choices)
            for name, choices in {
                "region": ["eu", "us", "é", "e\u0301"],
                "plan": ["free", "pro"],
                "user": ["u1", "u2", "u3", ""],
                "note": ["x", "y"],
            }.items()
            if self.rng.random() < 0.7
        }
        return Record(
            meter=self.meter,
            customer=self.rng.choice(self.customers),
            value=value,
            time=START + self.rng.randrange(self.span) // self.rng.choice([1, 60_000]) * 1,
            unique_id=self.rng.choice([None, f"id-{self.rng.randint(0, 30)}"]),
            dimensions=dimensions,
            time_derived=self.rng.random() < 0.2,
        )

    def compare(self) -> None:
        queries = [self.query() for _ in range(2)]
        for sparse, path in ((False, "/usage"), (True, "/usage/sparse")):
            answers = self.platform.post(self.rng.choice([path + "/batch", path + "/batch/"]), queries)
            one = self.platform.post(self.rng.choice([path, path + "/"]), queries[0])
            assert one == answers[0]
            for query, answer in zip(queries, answers, strict=True):
                self.check(query, answer, self.model.usage(query, sparse))

    def check(self, query: Json, answer: Json, expected: Json) -> None:
        for key in ("secondsSinceEpochIntervals", "clientMeters"):
            assert answer[key] == expected[key], f"{self.definition}\n{query}\n{answer}\n{expected}"

    def query(self) -> Json:
        assert self.definition
        interval = self.rng.choice(["MINUTE", "HOUR", "DAY", "WEEK", "MONTH"])
        start = START // 1000 + self.rng.randint(-3600, 3600)
        length = self.span // 1000 if interval != "MINUTE" else min(self.span // 1000, 20_000)
        query: dict[str, Any] = {
            "meterApiName": self.meter,
            "timeGroupingInterval": self.rng.choice([interval, interval.lower()]),
            "timeRange": {
                "startTimeInSeconds": start,
                "endTimeInSeconds": start + self.rng.randint(1, length + 7200),
            },
        }
        functions = ["SUM", "COUNT", None]
        if self.kind != "event_duration":
            functions += ["MIN", "max", "AVG", "LATEST"]
            functions += ["UNIQUE"] if self.definition["aggregationDimensions"] else []
        if function := self.rng.choice(functions):
            query["aggregation"] = function
        keys = ["customerId", *self.known_dimensions()]
        if self.rng.random() < 0.6:
            query["groupBy"] = self.rng.sample(keys, self.rng.randint(1, min(2, len(keys))))
        if self.rng.random() < 0.5:
            key = self.rng.choice(keys)
            choices = {"customerId": [*self.customers, "nobody"]}.get(
                key, ["eu", "us", "free", "u1", "x", "é"]
            )
            query["filter"] = {key: self.rng.sample(choices, self.rng.randint(1, 2))}
        if self.rng.random() < 0.3:
            query["take"] = {"limit": self.rng.randint(1, 3), "isAscending": self.rng.random() < 0.5}
        return query

    def known_dimensions(self) -> list[str]:
        assert self.definition
        seen = {name for record in self.model.sent for name in record.dimensions if name != CANCEL}
        return sorted(
            seen | set(self.definition["dimensions"]) | set(self.definition["aggregationDimensions"])
        )


class RetainedHistory(History):
    """A history in which the retention mark moves, at starts of which some are killed."""

    cancels = 0.2

    def __init__(self, platform: Platform, run: int, seed: int):
        super().__init__(platform, run, seed)
        self.model: RetainingModel = RetainingModel()
        self.span = self.rng.choice([3 * DAY, 12 * DAY])
        if self.rng.random() < 0.4:
            self.kind = "event_duration"

    def record(self) -> Record:
        """Of durations several are of one series, so that there is something to pair."""
        record = super().record()
        if self.kind == "event_duration":
            record.customer = self.customers[0]
            record.dimensions = {k: v for k, v in record.dimensions.items() if k == "plan"}
        return record

    def run(self) -> None:
        defined_at = self.rng.randint(0, 3)
        for step in range(self.rng.randint(4, 9)):
            if step == defined_at:
                self.define()
            self.send()
            if self.rng.random() < 0.5:
                self.retain()
            if self.definition and self.rng.random() < 0.4:
                self.change()
            if self.definition and self.rng.random() < 0.5:
                self.compare()
        if not self.definition:
            self.define()
        self.retain()
        for _ in range(6):
            self.compare()

    def retain(self) -> None:
        days = self.rng.randint(1, 6)
        self.platform.arguments = ("--retention-days", str(days))
        self.platform.restart()
        while self.rng.random() < 0.3:
            time.sleep(self.rng.random() * 0.02)
            self.platform.restart()
        self.model.retain(days)
        self.platform.wait_for(
            lambda: (self.platform.pipeline()["frozenBeforeTimeInMillis"] or 0) == self.model.mark
        )

    def change(self) -> None:
        assert self.definition
        if self.rng.random() < 0.3:
            stored = self.platform.put("/meters", self.definition | {"lockingStatus": "deprecated"})
            self.platform.delete(f"/meters/{stored['id']}")
            keys = self.definition.get("deduplication")
            if self.model.known:
                # Its records' keys stay what they are.
                other = {"record": "uniqueId"}.get(keys or "record", "record")
                refused = self.platform.request(
                    "POST", "/meters", json=self.definition | {"deduplication": other}
                )
                assert refused.status_code == 409, refused.text
            self.define(keys)
            return
        self.definition["dimensions"] = self.rng.choice([[], ["plan"], ["region", "plan"]])
        self.platform.put("/meters", self.definition)

    def transmit(self, batch: list[Record]) -> None:
        self.platform.ingest(to_json([to_wire(record, self.rng) for record in batch]))
        for record in batch:
            self.model.receive(record)

    def compare(self) -> None:
        query = self.query()
        path = self.rng.choice(["/usage", "/usage/sparse"])
        answer = self.platform.request("POST", path, data=to_json(query))
        if self.model.is_refused(query):
            assert answer.status_code == 422, f"{self.definition}\n{query}\n{answer.text}"
        else:
            expected = self.model.usage(query, path == "/usage/sparse")
            self.check(query, self.platform.read(answer), expected)


def to_wire(record: Record, rng: random.Random) -> dict[str, Any]:
    # One number in several writings, which are all the same record.
    value: Any = rng.choice(
        [record.value, f"{record.value:f}", f"{record.value:E}", f"{record.value.normalize():f}"]
    )
    wire: dict[str, Any] = {
        "meterApiName": record.meter,
        "customerId": record.customer,
        "meterValue": value,
        "meterTimeInMillis": record.time,
    }
    if record.unique_id is not None:
        wire["uniqueId"] = record.unique_id
    if record.dimensions:
        names = list(record.dimensions)
        rng.shuffle(names)
        wire["dimensions"] = {name: record.dimensions[name] for name in names}
    if record.time_derived:
        wire["source"] = {
            "account": "1",
            "logGroup": "/app",
            "logStream": "s",
            "eventId": str(rng.random()),
            "timestamp": record.time,
            "ordinal": 0,
            "timeDerived": True,
        }
    return wire


@pytest.mark.timeout(1200 + RUNS)
def test_every_answer_is_the_models(cli: Path, tmp_path: Path, seed: int) -> None:
    # The histories lie at a fixed time, so that a seed stands for the same history on any day.
    with Platform(cli, tmp_path, "--retention-days", "36500") as platform:
        compare_histories(platform, seed)


def compare_histories(platform: Platform, seed: int) -> None:
    print(f"seed {seed}, {RUNS} histories")
    total = dict.fromkeys(["received", "counted", "duplicate", "cancelled", "undefined", "rejected"], 0)
    for run in range(RUNS):
        history = History(platform, run, seed)
        try:
            history.run()
        except AssertionError as problem:
            raise AssertionError(f"history {run} of seed {seed}: {problem}") from problem
        for name, count in history.model.classes().items():
            total[name] += count
    figures = platform.pipeline()
    assert {name: int(figures[name]) for name in total} == total


@pytest.mark.timeout(600 + 20 * RETAINED_RUNS)
def test_what_is_frozen_stays(cli: Path, tmp_path: Path, seed: int) -> None:
    """Histories with a retention mark, each on a platform of its own that is restarted and killed."""
    for run in range(RETAINED_RUNS):
        directory = tmp_path / str(run)
        directory.mkdir()
        with Platform(cli, directory) as platform:
            history = RetainedHistory(platform, run, seed)
            try:
                history.run()
            except AssertionError as problem:
                raise AssertionError(f"history {run} of seed {seed}: {problem}") from problem
            figures = platform.pipeline()
            expected = history.model.classes()
            assert {name: int(figures[name]) for name in expected} == expected, (
                f"history {run} of seed {seed}"
            )
