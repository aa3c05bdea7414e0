"""The published Amberflo SDK, unmodified, with another root URL: what it sends is what it gets back."""

import random
from decimal import Decimal
from typing import Any

import pytest
from metering.customer import CustomerApiClient, create_customer_payload
from metering.ingest import IngestApiClient, create_ingest_client, create_ingest_payload
from metering.session import ApiSession, IngestSession
from metering.usage import (
    AggregationType,
    Take,
    TimeGroupingInterval,
    TimeRange,
    UsageApiClient,
    create_all_usage_query,
    create_usage_query,
)

from components.emulators import REGION, SeaweedFS
from components.platform import ADMIN_KEY, Platform, recent
from reference.platform_model import Json, Model, Record

METERS: dict[str, Json] = {
    "ApiCalls": {"meterType": "sum_of_all_usage", "dimensions": ["region"]},
    "Requests": {"meterType": "count"},
    "Users": {"meterType": "active_users", "aggregationDimensions": ["user"]},
    "Peak": {"meterType": "max"},
}
CUSTOMERS = [f"customer-{n}" for n in range(5)]


@pytest.fixture
def sdk(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """A platform that the SDK takes for Amberflo."""
    monkeypatch.setattr(ApiSession, "root_url", platform.url)
    monkeypatch.setattr(IngestSession, "root_url", platform.url)
    return platform


@pytest.fixture
def model(sdk: Platform) -> Model:
    model = Model()
    for name, definition in METERS.items():
        sdk.define(name, **definition)
        model.meters[name] = {
            "meterApiName": name,
            "dimensions": [],
            "aggregationDimensions": [],
        } | definition
    return model


def payloads(count: int, seed: int) -> list[Json]:
    rng = random.Random(seed)
    start = recent()
    return [
        create_ingest_payload(
            meter_api_name=rng.choice(list(METERS)),
            meter_value=rng.choice([rng.randint(0, 1000), rng.randint(0, 4000) / 8]),
            meter_time_in_millis=start + rng.randrange(3 * 86_400_000),
            customer_id=rng.choice(CUSTOMERS),
            dimensions={"region": rng.choice(["eu", "us"]), "user": f"u{rng.randint(0, 9)}"},
        )
        for _ in range(count)
    ]


def to_record(payload: Json) -> Record:
    return Record(
        meter=payload["meterApiName"],
        customer=payload["customerId"],
        value=Decimal(str(payload["meterValue"])),
        time=payload["meterTimeInMillis"],
        unique_id=payload["uniqueId"],
        dimensions=payload["dimensions"],
    )


def same(answer: Json, expected: Json) -> None:
    """The SDK reads numbers as floats."""

    def floats(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: floats(member) for key, member in value.items()}
        if isinstance(value, list):
            return [floats(member) for member in value]
        return float(value) if isinstance(value, int | float | Decimal) else value

    for key in ("secondsSinceEpochIntervals", "clientMeters"):
        assert floats(answer[key]) == floats(expected[key])


def check_usage(model: Model, start: int) -> None:
    usage = UsageApiClient(ADMIN_KEY)
    window = TimeRange(start // 1000, start // 1000 + 4 * 86400)
    queries = [
        create_usage_query(
            aggregation,
            meter,
            interval,
            window,
            group_by=group_by,
            usage_filter=usage_filter,
            take=Take(2) if group_by else None,
        )
        for aggregation, meter in [
            (AggregationType.SUM, "ApiCalls"),
            (AggregationType.COUNT, "Requests"),
            (AggregationType.MIN, "Peak"),
            (AggregationType.MAX, "Peak"),
        ]
        for interval in TimeGroupingInterval
        for group_by in (None, ["customerId"], ["region", "customerId"])
        for usage_filter in (None, {"customerId": CUSTOMERS[:2]})
    ]
    for query, answer in zip(queries[::7], map(usage.get, queries[::7]), strict=True):
        same(answer, model.usage(query))
    for query, answer in zip(queries, usage.get(queries), strict=True):
        same(answer, model.usage(query))
    for by_customer, only in ((False, None), (True, None), (True, CUSTOMERS[0])):
        query = create_all_usage_query(
            TimeGroupingInterval.DAY, window, group_by_customer_id=by_customer, filter_by_customer_id=only
        )
        answers = usage.get_all(query)
        assert [answer["metadata"]["meterApiName"] for answer in answers] == sorted(METERS)
        for meter, answer in zip(sorted(METERS), answers, strict=True):
            asked: Json = {
                "meterApiName": meter,
                "timeGroupingInterval": "DAY",
                "timeRange": window.payload,
                "groupBy": ["customerId"] if by_customer else [],
                "filter": {"customerId": only} if only else {},
            }
            same(answer, model.usage(asked))


def test_records_of_the_threaded_producer(sdk: Platform, model: Model, seed: int) -> None:
    sent = payloads(1500, seed)
    failures: list[Any] = []
    producer = create_ingest_client(
        api_key=ADMIN_KEY, threads=4, batch_size=40, on_error=lambda error, batch: failures.append(error)
    )
    for payload in sent:
        assert producer.send(payload)
    producer.shutdown()
    assert not failures
    model.sent = [to_record(payload) for payload in sent]
    check_usage(model, recent())
    # The same records by the plain client are known.
    client = IngestApiClient(ADMIN_KEY)
    assert client.send(sent) == f"{len(sent)} records were ingested"
    assert client.send(sent[0]) == "1 records were ingested"
    figures = sdk.pipeline()
    assert (figures["counted"], figures["duplicate"]) == (len(sent), len(sent) + 1)
    check_usage(model, recent())


def test_customers(sdk: Platform) -> None:
    customers = CustomerApiClient(ADMIN_KEY)
    assert customers.get("acme") == {}
    payload = create_customer_payload("acme", "Acme", "billing@acme.test", True, {"plan": "gold"})
    first = customers.add_or_update(payload)
    assert first["customerName"] == "Acme"
    second = customers.add_or_update(create_customer_payload("acme", "Acme Inc", traits={"plan": "pro"}))
    assert (second["customerName"], second["traits"]) == ("Acme Inc", {"plan": "pro"})
    assert "customerEmail" not in second, "an update discards what was there"
    assert second["createTime"] == first["createTime"]
    customers.add(create_customer_payload("beta", "Beta"), create_in_stripe=True)
    assert [customer["customerId"] for customer in customers.list()] == ["acme", "beta"]


def test_objects_of_the_s3_client(
    cli: Any, tmp_path: Any, seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    settings = {
        "AWS_ENDPOINT_URL_S3": seaweedfs.url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "ADMINKEY",
        "AWS_SECRET_ACCESS_KEY": "admin-secret",
    }
    for name, value in (settings | {"AWS_DEFAULT_REGION": REGION}).items():
        monkeypatch.setenv(name, value)
    bucket = "sdk"
    seaweedfs.admin.create_bucket(Bucket=bucket)
    with Platform(cli, tmp_path, "--bucket", f"s3://{bucket}", **settings) as platform:
        for name, definition in METERS.items():
            platform.define(name, **definition)
        sent = payloads(300, seed)
        producer = create_ingest_client(
            bucket_name=bucket, access_key="ADMINKEY", secret_key="admin-secret", threads=2, batch_size=50
        )
        for payload in sent:
            assert producer.send(payload)
        producer.shutdown()
        platform.wait_for(lambda: platform.pipeline()["received"] >= len(sent))
        figures = platform.pipeline()
        assert (figures["counted"], figures["duplicate"]) == (len(sent), 0)
        # The objects are known: nothing is read again after a restart, whatever the listing says.
        platform.restart()
        platform.wait_until_ready()
        assert platform.pipeline()["received"] == len(sent)
        # The same records by the API are known too.
        platform.send(sent)
        assert platform.pipeline()["counted"] == len(sent)
