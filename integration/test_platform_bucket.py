"""Intake from S3: listed or notified of, each object exactly once in effect."""

import gzip
import json
import time
from pathlib import Path
from typing import Any

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


def make_queue(moto: Moto, bucket: str) -> tuple[str, str]:
    """A queue of its own for a new bucket: its URL and ARN."""
    s3, sqs = moto.client("s3"), moto.client("sqs")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    url = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def tell(moto: Moto, bucket: str, kind: str, arn: str) -> None:
    """Lets moto's S3 tell a queue or a topic of the bucket's new objects."""
    moto.client("s3").put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            f"{kind}Configurations": [{f"{kind}Arn": arn, "Events": ["s3:ObjectCreated:*"]}]
        },
    )


def waiting(moto: Moto, queue: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = moto.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return sum(int(count) for count in found.values())


def settings_of(moto: Moto) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": moto.url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def test_notifications(cli: Path, tmp_path: Path, moto: Moto) -> None:
    s3, sqs = moto.client("s3"), moto.client("sqs")
    queue, arn = make_queue(moto, BUCKET)
    tell(moto, BUCKET, "Queue", arn)

    def put(key: str, body: bytes) -> None:
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    put(f"{PREFIX}ingest/records/before the start.ndjson.gz", records(0, 10))
    arguments = ("--bucket", f"s3://{BUCKET}/{PREFIX}", "--bucket-notifications", queue)
    with Platform(cli, tmp_path, *arguments, **settings_of(moto)) as platform:
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
        platform.wait_for(lambda: waiting(moto, queue) == 1)
        platform.restart()
        platform.wait_until_ready()
        time.sleep(1)
        figures = platform.pipeline()
        assert (figures["counted"], figures["received"]) == (20, 20), "nothing was read twice"
        assert waiting(moto, queue) == 1, "what is no notification stays, for the queue's redrive policy"
        source: Any = figures["sources"][0]
        assert (source["objects"], source["failedObjects"]) == (2, 0)


def test_notifications_by_sns_and_eventbridge(cli: Path, tmp_path: Path, moto: Moto) -> None:
    bucket = f"{BUCKET}-by-others"
    s3, sqs, sns = moto.client("s3"), moto.client("sqs"), moto.client("sns")
    queue, arn = make_queue(moto, bucket)
    topic = sns.create_topic(Name=bucket)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    tell(moto, bucket, "Topic", topic)
    arguments = ("--bucket", f"s3://{bucket}/{PREFIX}", "--bucket-notifications", queue)
    with Platform(cli, tmp_path, *arguments, **settings_of(moto)) as platform:
        platform.define("calls")
        platform.wait_until_ready()
        s3.put_object(Bucket=bucket, Key=f"{PREFIX}ingest/records/é + 1.ndjson.gz", Body=records(0, 10))
        platform.wait_for(lambda: platform.pipeline()["counted"] == 10)
        # The documented form: moto writes eTag for etag in it. Its key is not encoded.
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
        key = f"{PREFIX}ingest/records/50%25 + 2.ndjson.gz"
        etag = s3.put_object(Bucket=bucket, Key=key, Body=records(10, 10))["ETag"].strip('"')
        for kind, count in (("Object Deleted", 10), ("Object Created", 20)):
            event = {
                "version": "0",
                "detail-type": kind,
                "source": "aws.s3",
                "detail": {"version": "0", "bucket": {"name": bucket}, "object": {"key": key, "etag": etag}},
            }
            sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(event))
            platform.wait_for(lambda: waiting(moto, queue) == 0)
            assert platform.pipeline()["counted"] == count
