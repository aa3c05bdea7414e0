"""A fake of the subscriptions of CloudWatch Logs, with as much of Lambda and the tagging API as they need.

It is for what moto does not have: account policies, log group classes, log groups of functions, changing one
of two filters, a quota of five filters, throttling, and permissions of Lambda's calls (moto refuses correct
signatures of these). It checks no signatures. What it does is what the API reference says of
PutSubscriptionFilter, PutAccountPolicy, AddPermission and GetResources.
"""

import json
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from components.emulators import ACCOUNT, REGION
from components.fake_service import FakeService
from reference import filter_pattern


@dataclass
class Group:
    """A log group."""

    filters: dict[str, dict[str, Any]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metric_patterns: list[str] = field(default_factory=list)
    logGroupClass: str = "STANDARD"


def holds_expression(pattern: str) -> bool:
    """Whether a pattern holds a regular expression."""
    return re.search(filter_pattern.REGEX, pattern) is not None


class Refused(Exception):
    """An error answer, with its code and status."""

    def __init__(self, code: str, status: int = 400, message: str = "The fake says so"):
        super().__init__(code)
        self.code, self.status, self.message = code, status, message


class Subscriptions(FakeService):
    """Log groups by name, the account's policies, and the functions' log groups and policies."""

    def __init__(self, limit: int = 2, per_second: int = 1_000):
        self.groups: dict[str, Group] = {}
        self.policies: dict[str, dict[str, Any]] = {}
        self.mappings: list[str] = []  # ARNs of functions behind the stream
        self.destinations: dict[
            str, str
        ] = {}  # ARNs of destinations of the account, and of what is behind them
        self.function_logs: dict[str, str] = {}
        self.statements: dict[str, dict[str, Any]] = {}
        self.allowed: set[str] | None = None  # actions, for example logs:PutSubscriptionFilter
        self.limit, self.per_second = limit, per_second
        #: How many filters with a regular expression a log group takes, metric filters among them.
        self.expressions = 5
        self.calls: Counter[str] = Counter()
        #: Why a call about a log group is refused, by operation and log group; None for no reason.
        self.refusal: Callable[[str, str], Refused | None] = lambda operation, group: None
        self.throttled = 0
        self.recent: dict[str, deque[float]] = {}
        self.lock = threading.Lock()
        self.serve()

    def respond(self, method: str, path: str, target: str, body: bytes) -> tuple[int, bytes]:
        try:
            with self.lock:
                answer = self.act(method, path, target, json.loads(body or b"{}"))
            return 200, json.dumps(answer).encode()
        except Refused as refused:
            error = {"__type": refused.code, "message": refused.message}
            return refused.status, json.dumps(error).encode()

    def act(self, method: str, path: str, target: str, body: dict[str, Any]) -> dict[str, Any]:
        if target:
            service = "logs" if target.startswith("Logs_") else "tag"
            operation = target.split(".")[1]
        else:
            service, operation = "lambda", self.lambda_operation(method, urlsplit(path).path)
        self.calls[operation] += 1
        if self.allowed is not None and f"{service}:{operation}" not in self.allowed:
            raise Refused("AccessDeniedException", 403)
        if service == "logs":
            self.throttle(operation)
            refused = self.refusal(operation, body.get("logGroupName", ""))
            if refused:
                raise refused
        action: Callable[..., dict[str, Any]] = getattr(
            self, re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
        )
        return action(path, body) if service == "lambda" else action(body)

    def throttle(self, operation: str) -> None:
        """At most so many calls of an operation in any second."""
        now = time.monotonic()
        calls = self.recent.setdefault(operation, deque())
        while calls and calls[0] <= now - 1:
            calls.popleft()
        if len(calls) >= self.per_second:
            self.throttled += 1
            raise Refused("ThrottlingException")
        calls.append(now)

    # CloudWatch Logs

    def group(self, body: dict[str, Any]) -> Group:
        if body["logGroupName"] not in self.groups:
            raise Refused("ResourceNotFoundException")
        return self.groups[body["logGroupName"]]

    def describe_log_groups(self, body: dict[str, Any]) -> dict[str, Any]:
        names = sorted(name for name in self.groups if name.startswith(body.get("logGroupNamePrefix", "")))
        first = int(body.get("nextToken", 0))
        page = [
            {
                "logGroupName": name,
                "arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*",
                "logGroupClass": self.groups[name].logGroupClass,
                "metricFilterCount": len(self.groups[name].metric_patterns),
            }
            for name in names[first : first + 50]
        ]
        more = {"nextToken": str(first + 50)} if len(names) > first + 50 else {}
        return {"logGroups": page} | more

    def describe_subscription_filters(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"subscriptionFilters": list(self.group(body).filters.values())}

    def put_subscription_filter(self, body: dict[str, Any]) -> dict[str, Any]:
        group = self.group(body)
        if group.logGroupClass != "STANDARD":
            raise Refused("InvalidOperationException")
        if body["filterName"] not in group.filters and len(group.filters) >= self.limit:
            raise Refused("LimitExceededException")
        others = [one["filterPattern"] for name, one in group.filters.items() if name != body["filterName"]]
        with_expressions = sum(map(holds_expression, [*others, *group.metric_patterns]))
        if holds_expression(body["filterPattern"]) and with_expressions >= self.expressions:
            raise Refused("LimitExceededException")
        group.filters[body["filterName"]] = {"distribution": "ByLogStream"} | body
        return {}

    def delete_subscription_filter(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.group(body).filters.pop(body["filterName"], None) is None:
            raise Refused("ResourceNotFoundException")
        return {}

    def describe_metric_filters(self, body: dict[str, Any]) -> dict[str, Any]:
        patterns = self.group(body).metric_patterns
        return {"metricFilters": [{"filterName": "m", "filterPattern": pattern} for pattern in patterns]}

    def describe_destinations(self, body: dict[str, Any]) -> dict[str, Any]:
        found = [
            {"arn": arn, "targetArn": target, "roleArn": "arn:aws:iam::1:role/r"}
            for arn, target in self.destinations.items()
            if arn.split(":", 6)[6].startswith(body.get("DestinationNamePrefix", ""))
        ]
        return {"destinations": found}

    def describe_account_policies(self, body: dict[str, Any]) -> dict[str, Any]:
        assert body["policyType"] == "SUBSCRIPTION_FILTER_POLICY"
        return {"accountPolicies": list(self.policies.values())}

    def put_account_policy(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["policyName"] not in self.policies and self.policies:
            raise Refused("LimitExceededException")
        self.policies[body["policyName"]] = body
        return {}

    def delete_account_policy(self, body: dict[str, Any]) -> dict[str, Any]:
        del self.policies[body["policyName"]]
        return {}

    # Tags

    def get_resources(self, body: dict[str, Any]) -> dict[str, Any]:
        def fits(group: Group, tag: dict[str, Any]) -> bool:
            values = tag.get("Values") or [group.tags.get(tag["Key"])]
            return tag["Key"] in group.tags and group.tags[tag["Key"]] in values

        found = [
            {"ResourceARN": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"}
            for name, group in self.groups.items()
            if all(fits(group, tag) for tag in body["TagFilters"])
        ]
        return {"ResourceTagMappingList": found, "PaginationToken": ""}

    # Lambda

    @staticmethod
    def lambda_operation(method: str, path: str) -> str:
        rest = path.removeprefix("/2015-03-31/")
        if rest == "event-source-mappings":
            return "ListEventSourceMappings"
        kind = rest.split("/")[2]
        if kind == "configuration":
            return "GetFunctionConfiguration"
        return {"GET": "GetPolicy", "POST": "AddPermission", "DELETE": "RemovePermission"}[method]

    def list_event_source_mappings(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        assert parse_qs(urlsplit(path).query)["EventSourceArn"]
        return {"EventSourceMappings": [{"FunctionArn": arn} for arn in self.mappings]}

    def get_function_configuration(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        name = path.split("/")[3]
        return {"LoggingConfig": {"LogGroup": self.function_logs[name]}} if name in self.function_logs else {}

    def get_policy(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if not self.statements:
            raise Refused("ResourceNotFoundException", 404)
        return {
            "Policy": json.dumps({"Statement": [self.statement(one) for one in self.statements.values()]})
        }

    @staticmethod
    def statement(given: dict[str, Any]) -> dict[str, Any]:
        """What AddPermission makes of its parameters."""
        return {
            "Sid": given["StatementId"],
            "Effect": "Allow",
            "Principal": {"Service": given["Principal"]},
            "Action": given["Action"],
            "Condition": {
                "StringEquals": {"AWS:SourceAccount": given["SourceAccount"]},
                "ArnLike": {"AWS:SourceArn": given["SourceArn"]},
            },
        }

    def add_permission(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if body["StatementId"] in self.statements:
            raise Refused("ResourceConflictException", 409)
        self.statements[body["StatementId"]] = body
        return {}

    def remove_permission(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        del self.statements[unquote(urlsplit(path).path.split("/")[-1])]
        return {}
