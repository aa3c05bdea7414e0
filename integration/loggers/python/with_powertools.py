"""Powertools for AWS Lambda."""

import json

from aws_lambda_powertools import Logger
from calls import run

logger = Logger(service="billing")

run(
    {
        "text": lambda: lambda record: logger.info("amberflo_meter: %s", json.dumps(record)),
        "field": lambda: lambda record: logger.info("metered", amberflo_meter=record),
        "message": lambda: lambda record: logger.info({"amberflo_meter": record}),
    }
)
