"""What `metertap doctor` tells a platform, as the console shows it."""

from typing import Any

from components.platform import recent

GROUP = "/app/shop"
STREAM = "arn:aws:kinesis:eu-central-1:123456789012:stream/metertap"


def finding(check: str, severity: str, **more: Any) -> dict[str, Any]:
    return {
        "check": check,
        "severity": severity,
        "subject": GROUP,
        "finding": f"The check {check} found something.",
        "consequence": "Its meters are not billed.",
        "remedy": "Mend it.",
        "evidence": [],
    } | more


def diagnosis_note(**more: Any) -> dict[str, Any]:
    """Something of every severity, in an order that is not the console's."""
    return {
        "account": "123456789012",
        "region": "eu-central-1",
        "time": recent(1),
        "severity": "loss",
        "looked": {"logGroups": 12, "streams": 1, "functions": 1, "checks": 51},
        "findings": [
            finding(
                "filter-twice",
                "note",
                finding="Two filters send the same log events to the agent.",
                consequence="Each record counts once, by its identity; the agent's work is paid twice.",
                remedy="Take one away: `aws logs delete-subscription-filter --log-group-name /app/shop "
                "--filter-name metertap-old`.",
            ),
            finding(
                "stream-retention",
                "risk",
                subject=STREAM,
                finding="The stream keeps records for 24 hours.",
                consequence="An outage of a weekend loses the meters of a day.",
                remedy="Let it keep them for a week: `aws kinesis increase-stream-retention-period "
                f"--stream-arn {STREAM} --retention-period-hours 168`.",
                evidence=["DescribeStreamSummary: RetentionPeriodHours 24"],
            ),
            finding(
                "filter-pattern",
                "loss",
                finding="The pattern of the filter misses 37 of 200 recent events that hold a record.",
                consequence="About a fifth of the usage of this log group is not billed.",
                remedy=f"Put the pattern that matches every tag: `metertap attach --log-group '{GROUP}' "
                f"--destination-arn {STREAM} --role-arn arn:aws:iam::123456789012:role/metertap-logs`; then "
                f"bring back what was lost: `metertap backfill --log-group '{GROUP}' --from 14d --to 0m`. "
                "`METERTAP_TAGS` names the tags.",
                evidence=[
                    'DescribeSubscriptionFilters: metertap, pattern "amberflo_meter: {"',
                    "FilterLogEvents: 200 events with a tag, 37 of them not matched",
                ],
            ),
            finding(
                "failure-destination",
                "unknown",
                subject="arn:aws:lambda:eu-central-1:123456789012:function:metertap",
                finding="It could not be looked at: lambda:GetFunctionEventInvokeConfig is not allowed.",
                consequence="Nobody knows whether failed batches are kept.",
                remedy="Allow the doctor's role `lambda:GetFunctionEventInvokeConfig`.",
                evidence=["GetFunctionEventInvokeConfig: AccessDeniedException"],
            ),
        ],
    } | more
