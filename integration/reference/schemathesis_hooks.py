"""Makes valid what a schema allows and cannot say.

A range ends behind its start and holds no more buckets than an answer may have; keys of usage are known
ones; a type of meter allows some aggregations; a name's limit is one of bytes. And it makes invalid what
shall be invalid.
"""

from typing import Any

import schemathesis

RANGES = [("from", "to"), ("startTimeInSeconds", "endTimeInSeconds")]
LONGEST = 3 * 86400
FUNCTIONS = ["MIN", "min", "MAX", "max", "AVG", "avg", "UNIQUE", "unique", "LATEST", "latest"]


def number(value: Any) -> int | None:
    if type(value) is int:
        return value
    return int(value) if isinstance(value, str) and value.isdecimal() else None


def mend(members: Any) -> None:
    """Puts a valid range in order and ends an open one; whatever is not valid stays as it is."""
    if not isinstance(members, dict):
        return
    for first, last in RANGES:
        start, end = number(members.get(first)), number(members.get(last) or 0)
        if start is not None and end is not None:
            members[last] = start + 1 + abs(end) % LONGEST


def mend_keys(query: dict[str, Any]) -> None:
    groups, filters = query.get("groupBy"), query.get("filter")
    if isinstance(groups, list) and groups and all(isinstance(key, str) for key in groups):
        query["groupBy"] = ["customerId"] if len(set(groups)) == len(groups) else ["customerId", "customerId"]
    if isinstance(filters, dict) and filters:
        query["filter"] = {"customerId": next(iter(filters.values()))}
    if query.get("aggregation") in FUNCTIONS:
        query["aggregation"] = "COUNT"


def mend_values(value: Any) -> Any:
    """Shortens what has few characters and many bytes; makes a broken number of 0.0, which is an integer.

    A case that shall be invalid may hold 0.0 in place of a null. JSON Schema calls that an integer (since
    draft 6, section 6.1.1 of the validation document), and where the null stood one may stand.
    """
    if isinstance(value, str):
        return value[:64] if 64 < len(value) <= 256 and not value.isascii() else value
    if isinstance(value, float) and value.is_integer():
        return value + 0.5
    if isinstance(value, list):
        return [mend_values(element) for element in value]
    if isinstance(value, dict):
        return {mend_values(name): mend_values(member) for name, member in value.items()}
    return value


@schemathesis.hook
def filter_body(context: Any, body: Any) -> bool:
    """Leaves out what is too large for any request: that is 413, which no schema can say."""
    return len(str(body)) < 500_000


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    mend(case.query)
    if isinstance(case.body, dict | list):
        case.body = mend_values(case.body)
    for query in case.body if isinstance(case.body, list) else [case.body]:
        if isinstance(query, dict) and "timeRange" in query:
            mend(query["timeRange"])
            mend_keys(query)
