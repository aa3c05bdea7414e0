"""What `metertap audit` tells a platform, as the console shows it."""

from typing import Any

from components.platform import recent

MINUTE = 60_000


def audit_note(**more: Any) -> dict[str, Any]:
    """A day with a hole of forty minutes, in which nothing arrived, and single records missing elsewhere."""
    start = recent(3)
    hole = range(start + 600 * MINUTE, start + 640 * MINUTE)
    timeline = [
        {
            "from": at,
            "found": 40 + (at // MINUTE * 7) % 23,
            "missing": 0 if at + 15 * MINUTE <= hole.start or at >= hole.stop else 30,
        }
        for at in range(start, start + 1440 * MINUTE, 15 * MINUTE)
    ]
    timeline[70]["missing"] = 2
    missing = sum(bucket["missing"] for bucket in timeline)
    found = sum(bucket["found"] for bucket in timeline)
    rest = {
        "duplicate": 12, "cancelled": 4, "rejected": 31, "resolved": 2,
        "undefined": 0, "pastRetention": 0, "different": 0,
    }  # fmt: skip
    return {
        "account": "123456789012",
        "logGroup": "/app/shop",
        "from": start,
        "to": start + 1440 * MINUTE,
        "found": found,
        "received": found - missing - sum(rest.values()),
        "missing": missing,
        **rest,
        "extra": 0,
        "expired": 0,
        "repaired": 0,
        "matchedByContent": 0,
        "events": 120_431,
        "pattern": False,
        "gaps": [{"from": hole.start, "to": hole.stop - 1, "missing": missing - 2}],
        "reasons": [
            "Nothing was received from 10:00 to 10:40 UTC: the subscription filter was away, or its "
            "destination refused, for then CloudWatch Logs drops events without a trace.",
            "Numbers 142 to 149 of producer host-1 never reached CloudWatch Logs.",
        ],
        "missingStreams": ["web/3"],
        "timeline": timeline,
        "missingRecords": [
            {
                "logStream": "web/3",
                "eventId": f"3846987{number:049}",
                "timestamp": hole.start + number * MINUTE,
                "ordinal": 0,
                "uniqueId": f"u{number}",
                "meterApiName": "ApiCalls",
                "customerId": "acme",
                "meterValue": "12.5",
            }
            for number in range(40)
        ],
    } | more  # fmt: skip
