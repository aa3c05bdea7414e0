"""Signatures of metertap's signer against those of botocore, over random requests.

The Swift side is the executable `signature-probe`; METERTAP_SIGNATURE_PROBE names another path than the
debug build's.
"""

import base64
import datetime
import json
import os
import pathlib
import random
import subprocess
import urllib.parse

import pytest
from botocore import auth as botocore_auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROBE = pathlib.Path(os.environ.get("METERTAP_SIGNATURE_PROBE", ROOT / ".build/debug/signature-probe"))
SEED = int(os.environ.get("METERTAP_SEED", "20150830"))
REQUESTS = 1000

PIECES = [
    "a",
    "Z",
    "0",
    " ",
    "+",
    "=",
    "/",
    "//",
    "~",
    "%",
    "%2F",
    "%25",
    "&",
    "?",
    "#",
    ":",
    "@",
    "!",
    "$",
    "'",
    "(",
    ")",
    "*",
    ",",
    ";",
    "-",
    ".",
    "_",
    "..",
    "/./",
    "/../",
    "[",
    "]",
    "|",
    "^",
    "`",
    "{",
    "\\",
    '"',
    "<",
    "é",
    "ü",
    "€",
    "日本",
    "𝄞",
    "\u0301",
    "\t",
]
HEADER_PIECES = ["v", "  ", " ", "\t", "x  y", "a,b", "=", '"q  q"', ";", "%20"]


def text(rng, pieces, longest):
    return "".join(rng.choice(pieces) for _ in range(rng.randint(0, longest)))


def make_request(rng):
    service = rng.choice(["s3", "s3", "sts", "secretsmanager", "execute-api", "kinesis", "logs"])
    path = "/" + urllib.parse.quote(text(rng, PIECES, 12), safe="/~")
    query = "&".join(
        name
        if rng.random() < 0.1 and name
        else name + "=" + urllib.parse.quote(text(rng, PIECES, 5), safe="-_.~")
        for name in (
            rng.choice(["uploads", "list-type", "prefix", "a", "a-", "A", "a%20b", "%C3%A9", "X-Amz-Meta"])
            for _ in range(rng.randint(0, 6))
        )
    )
    headers = [["Content-Type", "application/json"]] if rng.random() < 0.5 else []
    for _ in range(rng.randint(0, 4)):
        name = rng.choice(
            [
                "x-amz-meta-a",
                "X-Amz-Meta-B",
                "X-Amz-Target",
                "If-None-Match",
                "x-amz-acl",
                "X-Custom",
                "User-Agent",
            ]
        )
        headers.append([name, "w" + text(rng, HEADER_PIECES, 6) + rng.choice(["", " "])])
    return {
        "method": rng.choice(["GET", "PUT", "POST", "HEAD", "DELETE"]),
        "authority": rng.choice(
            ["bucket.s3.eu-west-1.amazonaws.com", "127.0.0.1:9000", "example.com", "localhost:4566"]
        ),
        "path": path + ("?" + query if query else ""),
        "headers": headers,
        "body": base64.b64encode(rng.randbytes(rng.choice([0, 0, 1, 100, 5000]))).decode(),
        "service": service,
        "region": rng.choice(["us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1"]),
        "accessKeyID": "AKIDEXAMPLE",
        "secretAccessKey": base64.b64encode(rng.randbytes(30)).decode(),
        "sessionToken": base64.b64encode(rng.randbytes(200)).decode() if rng.random() < 0.4 else None,
        "time": rng.randint(0, 4_102_444_799),
    }


def botocore_authorization(line):
    request = AWSRequest(
        method=line["method"],
        url="https://" + line["authority"] + line["path"],
        data=base64.b64decode(line["body"]),
    )
    for name, value in line["headers"]:
        request.headers.add_header(name, value)
    credentials = Credentials(line["accessKeyID"], line["secretAccessKey"], line["sessionToken"])
    signer = botocore_auth.S3SigV4Auth if line["service"] == "s3" else botocore_auth.SigV4Auth
    auth = signer(credentials, line["service"], line["region"])
    # What `add_auth` does, with a time of ours.
    moment = datetime.datetime.fromtimestamp(line["time"], datetime.UTC)
    request.context["timestamp"] = moment.strftime("%Y%m%dT%H%M%SZ")
    auth._modify_request_before_signing(request)
    canonical = auth.canonical_request(request)
    auth._inject_signature_to_request(
        request, auth.signature(auth.string_to_sign(request, canonical), request)
    )
    return request.headers["Authorization"], canonical


def test_signatures_are_those_of_botocore():
    if not PROBE.exists():
        pytest.fail(f"{PROBE} is not built: swift build --product signature-probe")
    rng = random.Random(SEED)
    lines = [make_request(rng) for _ in range(REQUESTS)]
    output = subprocess.run(
        [PROBE],
        input="".join(json.dumps(line) + "\n" for line in lines),
        capture_output=True,
        text=True,
        check=True,
    )
    signed = output.stdout.splitlines()
    assert len(signed) == len(lines)
    for number, (line, ours) in enumerate(zip(lines, signed, strict=True)):
        theirs, canonical = botocore_authorization(line)
        assert ours == theirs, f"seed {SEED}, request {number}: {json.dumps(line)}\n{canonical}"
