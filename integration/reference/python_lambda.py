"""The Python agent of python_agent.py behind a Lambda runtime API, with boto3: an opponent of ours.

`python_lambda.py ENDPOINT BUCKET`; the loop is that of awslambdaric, as far as it takes time. What comes
of an event is put as one object, which is kinder to it than one for each 100 records.
"""

import gzip
import http.client
import os
import sys
import uuid

import boto3
from python_agent import handle


def main() -> None:
    endpoint, bucket = sys.argv[1:]
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name="eu-central-1")
    runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        runtime.request("GET", "/2018-06-01/runtime/invocation/next")
        answer = runtime.getresponse()
        event = answer.read()
        identifier = answer.headers["Lambda-Runtime-Aws-Request-Id"]
        body = handle(event)
        s3.put_object(
            Bucket=bucket, Key=f"ingest/records/{uuid.uuid4()}.ndjson.gz", Body=gzip.compress(body, 6)
        )
        runtime.request(
            "POST", f"/2018-06-01/runtime/invocation/{identifier}/response", b'{"batchItemFailures":[]}'
        )
        runtime.getresponse().read()
        print('{"records":0,"delivered":0}', flush=True)


if __name__ == "__main__":
    main()
