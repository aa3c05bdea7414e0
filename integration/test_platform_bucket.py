"""Intake from S3: listed or notified of, each object exactly once in effect."""

import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest

from components.emulators import REGION, Moto
from components.platform import Platform, recent, to_json

BUCKET = "notified"
PREFIX = "team/"


def records(first: int, count: int) -> bytes:
    lines = [
        {
            "meterApiName": "calls",
            "customerId": "c",
            "meterValue": 1,
            "meterTimeInMillis": recent() + number,
            "uniqueId": f"id-{number}",
        }
        for number in range(first, first + count)
    ]
    return gzip.compress(b"\n".join(map(to_json, lines)))


@pytest.fixture
def queue(moto: Moto) -> str:
    """A queue that moto's S3 tells of new objects of the bucket."""
    s3, sqs = moto.client("s3"), moto.client("sqs")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    url = sqs.create_queue(QueueName="objects")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET,
        NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]
        },
    )
    return url


def test_notifications(cli: Path, tmp_path: Path, moto: Moto, queue: str) -> None:
    s3, sqs = moto.client("s3"), moto.client("sqs")
    settings = {
        "AWS_ENDPOINT_URL": moto.url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }

    def put(key: str, body: bytes) -> None:
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def waiting() -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(int(count) for count in found.values())

    put(f"{PREFIX}ingest/records/before the start.ndjson.gz", records(0, 10))
    arguments = ("--bucket", f"s3://{BUCKET}/{PREFIX}", "--bucket-notifications", queue)
    with Platform(cli, tmp_path, *arguments, **settings) as platform:
        platform.define("calls")
        platform.wait_for(lambda: platform.pipeline()["counted"] == 10)
        # A name to decode, one outside of the prefix, one that is no records, a message of nobody.
        put(f"{PREFIX}ingest/records/é + plus & 50%.ndjson.gz", records(10, 10))
        put("other/ingest/records/x.ndjson.gz", records(100, 10))
        put(f"{PREFIX}rejects/x.ndjson.gz", records(100, 10))
        sqs.send_message(QueueUrl=queue, MessageBody="no notification")
        platform.wait_for(lambda: platform.pipeline()["counted"] == 20)
        # The same notice again, as S3 may send it, and a listing at the next start.
        notice = {
            "Records": [
                {
                    "eventName": "ObjectCreated:Put",
                    "s3": {
                        "bucket": {"name": BUCKET},
                        "object": {
                            "key": f"{PREFIX}ingest/records/before+the+start.ndjson.gz",
                            "eTag": s3.head_object(
                                Bucket=BUCKET, Key=f"{PREFIX}ingest/records/before the start.ndjson.gz"
                            )["ETag"].strip('"'),
                        },
                    },
                }
            ]
        }
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(notice))
        platform.wait_for(lambda: waiting() == 1)
        platform.restart()
        platform.wait_until_ready()
        time.sleep(1)
        figures = platform.pipeline()
        assert (figures["counted"], figures["received"]) == (20, 20), "nothing was read twice"
        assert waiting() == 1, "what is no notification stays, for the queue's redrive policy"
        source: Any = figures["sources"][0]
        assert (source["objects"], source["failedObjects"]) == (2, 0)
