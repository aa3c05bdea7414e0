"""What Lambda's own client for Python is started with, to see how long that takes.

It imports boto3, as an agent in Python does, and never gets an event.
"""

import boto3

s3 = boto3.client("s3")


def handle(event: object, _: object) -> None:
    raise NotImplementedError
