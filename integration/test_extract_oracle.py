"""The reference reading of log lines: checked by hand-made cases, then compared with `metertap extract`.

METERTAP_CLI: the executable (default .build/release/metertap). METERTAP_ORACLE_LINES: how many lines.
METERTAP_ORACLE_DOCUMENTS: how many JSON documents.
METERTAP_SEED: the seed of the generated lines, another one by each call of `make soak`; it is printed when
something differs.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from reference.line_generator import METERS_OF_A_DOCUMENT, START, LineGenerator
from reference.meter_line import (
    Counts,
    Event,
    LineResult,
    Record,
    Reject,
    line_time,
    read_lines,
    read_message,
)

STAMP = 1_767_225_600_000  # 2026-01-01T00:00:00Z
EVENT = Event("e1", STAMP, "123456789012", "group", "stream")

T = "amberflo_meter"
R = '{"meterApiName":"m","meterValue":1,"customerId":"c"}'
M = "m=1@c"


def esc(text: str, times: int = 1) -> str:
    for _ in range(times):
        text = json.dumps(text, ensure_ascii=False)[1:-1]
    return text


def net(text: str) -> str:
    return esc(text).replace('\\"', "\\u0022")


def doc(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def with_fields(**fields: str) -> str:
    """A tagged record with the fields given as JSON text; an empty text leaves the field out."""
    members = {"meterApiName": '"m"', "meterValue": "1", "customerId": '"c"'} | fields
    return f"{T}: {{" + ",".join(f'"{name}":{text}' for name, text in members.items() if text) + "}"


def describe(record: Record) -> str:
    text = f"{record.meter}={record.value}@{record.customer}"
    if record.dimensions:
        text += " " + ",".join(f"{name}:{record.dimensions[name]}" for name in sorted(record.dimensions))
    return text


def outcomes(records: list[Record], rejects: list[Reject], count: int) -> list[str]:
    """What each ordinal became: a record, `!` and the reason of a reject, or `~` for one that is left out."""
    by_ordinal = {record.ordinal: describe(record) for record in records}
    by_ordinal |= {reject.ordinal: "!" + reject.reason for reject in rejects}
    return [by_ordinal.get(ordinal, "~") for ordinal in range(count)]


def read(message: str | bytes, event: Event = EVENT, allow: bool = False):
    data = message if isinstance(message, bytes) else message.encode()
    return read_message(data, event, allow_missing_customer=allow)


MALFORMED, NOT_RECORD, DEEP = "!malformedJSON", "!notARecord", "!tooDeep"
NOT_BEHIND = "!recordNotBehindTag"

# message, what its values become in order of appearance, mentions
FORMS: list[tuple[str | bytes, list[str], int]] = [
    # text
    (f"2026-01-02 INFO {T}: {R} took 3 ms", [M], 0),
    (f"{T}={R}", [M], 0),
    (f"meter_record_for_cw {R}", [M], 0),
    (f"meter_record_for_stream\t{R}", [M], 0),
    (f"{T} : {R}", [M], 0),
    (f"{T} = {R}", [M], 0),
    (f"{T}{R}", [M], 0),
    (f"{T}:{R}{T}:{R}", [M, M], 0),
    (f"{T}::{R}", [M], 0),
    (f"{T}: = {R}", [M], 0),
    (f"{T}\n=\r\n {R}", [M], 0),
    (f"{T}\u00a0{R}", [M], 0),
    (f"{T}:{R}, then {T}: {{bad}}, then {T}: {R}", [M, MALFORMED, M], 0),
    # whole words
    (f"{T}_total: {R}", [], 0),
    (f"x{T}: {R}", [], 0),
    (f"_{T}: {R}", [], 0),
    (f"0{T}: {R}", [], 0),
    (f"-{T}: {R}", [M], 0),
    (f"é{T}: {R}", [M], 0),
    (f"{T}é {R}", [NOT_BEHIND], 1),
    (f"{T}: {R}{T}", [M], 1),
    (f"Amberflo_meter: {R}", [], 0),
    (f"\\n{T}: {R}", [], 0),
    ('{"message":"' + esc(f"first\n{T}: {R}") + '"}', [M], 0),
    ('{"message":"' + esc(f"C:\\n{T}: {R}") + '"}', [], 0),
    ('{"message":"' + esc(f"first\n{T}: {R}", 2) + '"}', [M], 0),
    ('{"message":"\\u0020' + esc(f"{T}: {R}") + '"}', [M], 0),
    ('{"message":"\\u0061' + esc(f"{T}: {R}") + '"}', [], 0),
    ('{"message":"\\u00e9' + esc(f"{T}: {R}") + '"}', [M], 0),
    # mentions
    (f"reading {T} config", [], 1),
    (T, [], 1),
    (f"{T} null", [], 1),
    (f"{T}: null", [], 1),
    (f'{{"{T}":null,"a":1}}', [], 1),
    (f'"{T}", {R}', [M], 0),
    (f'"{T}" "text"', [], 1),
    (f"{T}, {R}", [M], 0),
    (f"{T} 2026-01-02", [], 1),
    (f"{T}.5", [], 1),
    (f"{T}-5", [], 1),
    (f"{T} 05", [], 1),
    (f"{T} falsely", [], 1),
    (f"{T}: []", [], 1),
    (f"{T} = [ ] {T}={R}", [M], 1),
    ('{"message":"reading ' + T + '","n":3}', [], 1),
    # values that are no records
    (f"{T}:", [MALFORMED], 0),
    (f"{T} = ", [MALFORMED], 0),
    (f"{T}: nullable", [MALFORMED], 0),
    (f"{T}: 5", [NOT_RECORD], 0),
    (f"{T} 5 items", [NOT_RECORD], 0),
    (f"{T} true", [NOT_RECORD], 0),
    (f"{T}: 3ms", [MALFORMED], 0),
    (f"{T}: config", [MALFORMED], 0),
    (f"{T} {{config}}", [MALFORMED], 0),
    (f"{T}[0]", [NOT_RECORD], 0),
    (f"{T}{{}}", ["!missingMeter"], 0),
    (f'{T}: "text"', [NOT_RECORD], 0),
    (f'{T} "text" {T}', [NOT_RECORD], 1),
    (f'{T} "text {T}" {T}', [NOT_RECORD], 1),
    (f'{T}: "text', [MALFORMED], 0),
    (f'{T}: ""', [NOT_RECORD], 0),
    (f'{T}="null"', [NOT_RECORD], 0),
    (f'{T}="\\ud800"', [MALFORMED], 0),
    # JSON members
    (f'INFO {{"level":"info","{T}" : {R}}}', [M], 0),
    ('{"a":' * 15 + f'{{"{T}":{R}}}' + "}" * 15, [M], 0),
    (f'{{"broken":,"{T}":{R}', [M], 0),
    (f"{{'{T}': {R}}}", [M], 0),
    (f'"{T}"{R}', [M], 0),
    (f'"{T}" {R}', [M], 0),
    (f'{{"{T}":{R[:-1]}', [MALFORMED], 0),
    (f'{{"{T}":{R[:20]}', [MALFORMED], 0),
    # strict JSON
    (f"{T}: {R[:-1]},}}", [MALFORMED], 0),
    (f"{T}: " + R.replace('"', "'"), [MALFORMED], 0),
    (with_fields(meterValue="01"), [MALFORMED], 0),
    (with_fields(meterValue=".5"), [MALFORMED], 0),
    (with_fields(meterValue="+1"), [MALFORMED], 0),
    (with_fields(meterValue="NaN"), [MALFORMED], 0),
    (with_fields(extra='"\t"'), [MALFORMED], 0),
    (with_fields(extra='"\\x41"'), [MALFORMED], 0),
    (with_fields(extra='"\\ud83d"'), [MALFORMED], 0),
    (with_fields(extra='"\\ude00\\ud83d"'), [MALFORMED], 0),
    (with_fields(customerId='"\\ud83d\\uDE00"'), ["m=1@\U0001f600"], 0),
    (f"{T}: {R[:-1]}\0}}", [MALFORMED], 0),
    (with_fields(extra='"?"').encode().replace(b"?", b"\xff"), [MALFORMED], 0),
    (b"\xff\0\xef\xbb\xbf " + f"{T}: {R}".encode() + b"\xc3\r\0", [M], 0),
    (f"{T}: {R[:30]} {T}: {R}", [MALFORMED, M], 0),
    # nesting
    (with_fields(extra="[" * 15 + "]" * 15), [M], 0),
    (with_fields(extra="[" * 16 + "]" * 16), [DEEP], 0),
    (f"{T}: " + "[" * 16 + "]" * 16, [NOT_RECORD], 0),
    (f"{T}: " + "[" * 17 + "]" * 17, [DEEP], 0),
    (f"{T}: " + "[" * 16 + "}", [MALFORMED], 0),
    # quoted
    (f'level=info {T}="{esc(R)}" n=1', [M], 0),
    (f'{{"{T}":"{esc(R)}"}}', [M], 0),
    (f'{T} "{esc(R)}"', [M], 0),
    (f'{T}=" {esc(R)} and more {T}" {T}', [M], 1),
    (f'{T}="{esc(R)}', [M], 0),
    (f'{T}="{esc(R)} unterminated {T}', [M], 1),
    (f'{T}="{esc(R)[:-4]}', [MALFORMED], 0),
    (f'{T}="{esc(chr(34) + esc(R) + chr(34))}"', [M], 0),
    (f'{T}="\\"text\\""', [NOT_RECORD], 0),
    (f'{T}="[{esc(R)},{esc(R)}]"', [M, M], 0),
    (f'{T}="{net(R)}"', [M], 0),
    (f'{T}: "{{not json}}" {T}: {R}', [MALFORMED, M], 0),
    # inside JSON strings
    ('{"level":"INFO","message":"' + esc(f"meter_record_for_cw {R}") + '"}', [M], 0),
    ('{"message":"' + esc(f"{T}: {R} took 3 ms") + '","n":1}', [M], 0),
    ('{"message":"' + esc(f"{T}: {R}")[:-1] + '}"}', [M], 0),
    ('{"message":"' + esc(f"{T}: {R}"), [M], 0),
    ('{"message":"' + esc(f'{{"{T}": {R}}}') + '"}', [M], 0),
    ('{"message":"' + esc(f'{{"{T}": {R}}}', 2) + '"}', [M], 0),
    ('{"message":"' + esc(f'{{"{T}": {R}}}', 3) + '"}', [M], 0),
    ('{"message":"' + esc(f'{{"{T}": {R}}}', 4) + '"}', [DEEP], 0),
    ('{"message":"' + esc(f'{T}="{esc(R)}"') + '"}', [M], 0),
    ('{"message":"' + esc(f'{T}="{esc(R)}"', 2) + '"}', [M], 0),
    ('{"message":"' + esc(f'{T}="{esc(R)}"', 3) + '"}', [DEEP], 0),
    ('{"message":"' + net(f"{T}: {R}") + '"}', [M], 0),
    ('{"message":"' + net(net(f"{T}: {R}")) + '"}', [M], 0),
    ('{"message":"' + net(esc(f"{T}: {R}")) + '"}', [M], 0),
    ('{"message":"' + esc(net(f"{T}: {R}")) + '"}', [M], 0),
    ('{"message":"' + esc(f"{T}:\n{R}".replace(",", ",\n  ")) + '"}', [M], 0),
    ('{"message":"' + esc(f"{T}:\n{R}".replace(",", ",\n  "), 2) + '"}', [M], 0),
    ('{"message":"' + esc(f"{T}: {R[:30]}") + '"}', [MALFORMED], 0),
    ('{"message":"' + esc(f"{T}: 5") + '"}', [NOT_RECORD], 0),
    ('{"message":"' + esc(f'"{T}": null') + '"}', [], 1),
    ('{"message":"' + esc(f'the "{T}" tag') + '"}', [], 1),
    (f'{{"message":"{esc(T + ": " + R)}","{T}":{R.replace("1", "2")}}}', [M, "m=2@c"], 0),
    # runs of backslashes that are no escaped quote
    (f'{T}: \\\\"x', [MALFORMED], 0),
    (f'{T} \\\\"{{}}', [], 1),
    # arrays
    (f"{T}: [{R},{R}]", [M, M], 0),
    (f'{T}: [{R},5,null,"x",[{R}],{R}]', [M, NOT_RECORD, NOT_RECORD, NOT_RECORD, NOT_RECORD, M], 0),
    (f"{T}: [{R},{R}", [MALFORMED], 0),
    # nothing is searched inside a value
    (with_fields(extra=f'"{T}: 5"'), [M], 0),
    (with_fields(meterValue='"x"', amberflo_meter=R), ["!invalidValue"], 0),
    # values
    (f'{T}: {{"customerId":"c","values":{{"a":1,"b":2}}}}', ["a=1@c", "b=2@c"], 0),
    (f'{T}: {{"customerId":"c","values":{{"b":1,"a":2,"b":3}}}}', ["a=2@c", "b=3@c"], 0),
    (f'{T}: {{"customerId":"c","values":{{"a":null,"b":"2.0","c":true}}}}',
     ["!invalidValue", "b=2@c", "!invalidValue"], 0),
    (f'{T}: {{"customerId":"c","values":{{"":1}}}}', ["!missingMeter"], 0),
    (f'{T}: {{"customerId":"c","values":{{}}}}', ["!invalidValue"], 0),
    (f'{T}: {{"customerId":"c","values":[1]}}', ["!invalidValue"], 0),
    (with_fields(values='{"a":1}'), ["!invalidValue"], 0),
    (with_fields(values="null"), [M], 0),
    (f'{T}: {{"tenant":"t","customerId":"c","values":{{"a":1}}}}', ["a=1@c"], 0),
    (f'{T}: {{"values":{{"a":1,"b":2}}}}', ["!missingCustomer", "!missingCustomer"], 0),
    # colour codes and control characters are no part of a word
    (f"\x1b[32m{T}: {R}", [M], 0),
    (f"\x1b[m{T}: {R}", [M], 0),
    (f"\x1b[2J{T}: {R}", [M], 0),
    (f"x[32m{T}: {R}", [M], 0),
    (f"x[1;2K{T}: {R}", [M], 0),
    (f"x[m{T}: {R}", [], 0),
    (f"x[2J{T}: {R}", [], 0),
    (f"x[;3m{T}: {R}", [], 0),
    (f"\x1b[32m_{T}: {R}", [], 0),
    (f"u001b[32{T}: {R}", [], 0),
    (f"#011{T}: {R}", [M], 0),
    (f"INFO#012{T} {R}", [M], 0),
    (f"#177{T}: {R}", [M], 0),
    (f"#040{T}: {R}", [], 0),
    (f"#11{T}: {R}", [], 0),
    (f"{T}#011{R}", [M], 0),
    (f"{T}:#011#011{R}", [M], 0),
    (f"{T}#0115 items", [NOT_RECORD], 0),
    ('{"message":"#011' + esc(f"{T}:#011{R}") + '"}', [M], 0),
    (f'"\x1b[34m{T}\x1b[0m": {R}', [M], 0),
    (f'{{"{T}\x1b[0m"\x1b[1m:\x1b[0m {R}}}', [M], 0),
    (f'msg="\\x1b[32m{T}\\x1B[0m: {esc(R)}\\e[0m"', [M], 0),
    (f'msg="\\033[32m{T}\\033[0m\\e[1m={esc(R)}"', [M], 0),
    (f"{T}: \x1b[33m5\x1b[0m", [NOT_RECORD], 0),
    (f"{T} \x1b[1mnull\x1b[0m", [], 1),
    (f"{T}[0m[1m] {R}", [M], 0),
    (with_fields(extra='"\\x1b"'), [MALFORMED], 0),
    ('{"message":"' + esc(with_fields(extra='"\\x1b"')) + '"}', [MALFORMED], 0),
    # set apart
    (f"[{T}] {R}", [M], 0),
    (f"({T}) {R}", [M], 0),
    (f"**{T}:** {R}", [M], 0),
    (f"**{T}**: {R}", [M], 0),
    (f"`{T}` {R}", [M], 0),
    (f"{T} - {R}", [M], 0),
    (f"{T} \u2014 {R}", [M], 0),
    (f"{T} | {R}", [M], 0),
    (f"{T} |{R}|", [M], 0),
    (f"{T} -> {R}", [M], 0),
    (f"{T} => {R}", [M], 0),
    (f"{T}; {R}", [M], 0),
    (f"{T} ({R})", [M], 0),
    (f"{T} \u201c{R}\u201d", [M], 0),
    (f"<{T}>{R}</{T}>", [M], 1),
    (f"{T}\ufeff{R}", [M], 0),
    (f"{T}\u3000\u2009{R}", [M], 0),
    (f"{T}\uff1a{R}", [M], 0),
    (f"{T}\0{R}", [M], 0),
    (f"{T}\uff11{R}", [NOT_BEHIND], 1),
    (f"{T} \u2167 {R}", [NOT_BEHIND], 1),
    (f"INFO [{T}] - {R}, then [{T}] - {R}", [M, M], 0),
    (f'["{T}", {R}]', [M], 0),
    (f'["{T}", "{esc(R)}"]', [M], 0),
    (f'"{T}" "{esc(R)}"', [M], 0),
    (f"'{T}' '{R}'", [M], 0),
    (f'[{T}] "{esc(R)}" {T}', [M], 1),
    (f"[{T}] '{R}' {T}", [M], 1),
    (f'[{T}] "{esc(doc(R))}"', [M], 0),
    (f"[{T}] [{R},5,{R}]", [M, NOT_RECORD, M], 0),
    (f"[{T}] [5,{R}]", [NOT_RECORD, M], 0),
    ('{"message":"' + esc(f"[{T}] {R}") + '"}', [M], 0),
    ('{"message":"' + esc(f"**{T}:** {R}", 2) + '"}', [M], 0),
    ('{"message":"' + esc(f"({T})\u00a0{R}", 3) + '"}', [M], 0),
    ('{"message":"' + esc(f"[{T}] {R}", 4) + '"}', [DEEP], 0),
    ('{"message":"' + esc(f"\x1b[1m[{T}]\x1b[0m {R}", 2) + '"}', [M], 0),
    ('{"message":"' + net(f"<{T}> {R}").replace("<", "\\u003C").replace(">", "\\u003E") + '"}', [M], 0),
    (f"[{T}] {{\"customerId\":\"c\",\"values\":{{\"a\":1}}}}", ["a=1@c"], 0),
    (f'[{T}] {{"meterName":"m"}}', ["!missingCustomer"], 0),
    # at most 16 characters between
    (f"{T}{'-' * 16}{R}", [M], 0),
    (f"{T}{'-' * 17}{R}", [NOT_BEHIND], 1),
    (f"{T}{'- ' * 16}{R}", [M], 0),
    (f"{T} {chr(0x2014) * 16}\x1b[0m {R}", [M], 0),
    (f"{T} {chr(0x2014) * 17}\x1b[0m {R}", [NOT_BEHIND], 1),
    (f"{T}{'=' * 16}{R}", [M], 0),
    (f"{T}{'=' * 17}{R}", [MALFORMED], 0),
    (f"{T}:{'-' * 15}{R}", [M], 0),
    (f"{T}:{'-' * 16}{R}", [MALFORMED], 0),
    ('{"message":"' + esc(f"{T}{chr(0xa0) * 16}{R}".replace("\xa0", "\\u00a0")) + '"}', [NOT_BEHIND], 1),
    ('{"message":"' + esc(f"{T}??{R}").replace("?", "\\u00a0") + '"}', [M], 0),
    (f"{T}".encode() + b"\xff" + R.encode(), [NOT_BEHIND], 1),
    (f"{T}: ".encode() + b"\xff" + R.encode(), [MALFORMED], 0),
    # set apart from what names no meter
    (f'[{T}] {{"level":"info","{T}":{R}}}', [M], 1),
    (f'<{T}/> {{"level":"info","{T}":{R}}}', [M], 1),
    (f'{{"logger":"{T}","message":"{T}: {esc(R)}"}}', [M], 1),
    (f'{{"logger":"{T}","{T}":{R}}}', [M], 1),
    (f'[{T}] [INFO] {{"{T}":{R}}}', [M], 1),
    (f'[{T}] {{"a":1}}', [], 1),
    (f'[{T}] {{"meterApiName":null,"meterValue":1}}', [], 1),
    (f'[{T}] {{"values":null}}', [], 1),
    (f"[{T}] [5]", [], 1),
    (f"[{T}] []", [], 1),
    (f"[{T}] [INFO]", [], 1),
    (f"[{T}] 'text'", [], 1),
    (f"[{T}] '{{bad}}'", [], 1),
    (f'[{T}] "text"', [], 1),
    (f'[{T}] "text', [], 1),
    (f'[{T}] "{{bad}}"', [], 1),
    (f"[{T}] {{bad}} {T}: {R}", [MALFORMED, M], 0),
    (f"[{T}] {R[:-1]}", [MALFORMED], 0),
    (f"[{T}] " + with_fields(extra="[" * 16 + "]" * 16).removeprefix(f"{T}: "), [DEEP], 0),
    (f"[{T}] " + "[" * 17 + "]" * 17, [], 1),
    (f"[{T}] 5", [], 1),
    (f"[{T}] null", [], 1),
    (f"{T} -", [], 1),
    (f"{T}: -", [MALFORMED], 0),
    (f"{T}: **config**", [MALFORMED], 0),
    (f"{T} (config)", [], 1),
    # apostrophes
    (f"event='metered' {T}='{R}'", [M], 0),
    (f"{T}: '{R}'", [M], 0),
    (f"{T} '{R}'", [M], 0),
    (f"{T}='  {R}  ' n=1 {T}", [M], 1),
    (f"{T}='{R}'{T}='{R}'", [M, M], 0),
    (f"{T}='[{R},{R}]' {T}", [M, M], 1),
    (f"{{'{T}': '{R}'}}", [M], 0),
    (f"{{'event': 'x', '{T}': {R}}}", [M], 0),
    (f"{T}='\n{R}\n'", [M], 0),
    (f"{T}='{R}", [M], 0),
    (f"{T}='{R} and more {T}'", [M], 1),
    (T + r"""='{"meterApiName":"m","meterValue":1,"customerId":"Zo\\u00eb"}'""", ["m=1@Zo\u00eb"], 0),
    (T + r"""='{"meterApiName":"m","meterValue":1,"customerId":"Zo\u00eb"}'""", ["m=1@Zo\u00eb"], 0),
    (T + r"""='{"meterApiName":"m","meterValue":1,"customerId":"\xc"}'""", [MALFORMED], 0),
    (T + r"""='{"meterApiName":"m","meterValue":1,"customerId":"\x41\x7a"}'""", ["m=1@Az"], 0),
    (T + r"""='{"meterApiName":"m","meterValue":1,"customerId":"\x80"}'""", [MALFORMED], 0),
    (T + r"""='{"meterApiName":"m","meterValue":1,"customerId":"it\'s"}'""", ["m=1@it's"], 0),
    (T + r"""='{"meterApiName":"m","meterValue":1,"customerId":"it's"}'""", ["m=1@it's"], 0),
    (T + r"""='{"meterApiName":"m","meterValue":1,"customerId":"a \\"b\\""}'""", ['m=1@a "b"'], 0),
    (T + r"""='{"meterApiName":"m","meterValue":1,"customerId":"a \"b\""}'""", ['m=1@a "b"'], 0),
    (T + r"""='{"meterApiName":"m","meterValue":1,"customerId":"a\\nb"}'""", ["m=1@a\nb"], 0),
    (T + r"""='{"meterApiName":"m","meterValue":1,"customerId":"a\nb"}'""", ["m=1@a\nb"], 0),
    (T + r"""='{\n "meterApiName":"m",\n "meterValue":1,\n "customerId":"c"\n}'""", [M], 0),
    (f"{T}={doc(dict(meterApiName='m', meterValue=1, customerId=chr(0xeb) + ' it' + chr(39) + 's'))!r}",
     ["m=1@\xeb it's"], 0),
    ('{"event":"' + esc(f"{T}='{R}'") + '"}', [M], 0),
    ('{"event":"' + esc(f"{T}='{R}'", 2) + '"}', [M], 0),
    ('{"event":"' + esc(f"{T}='{R}'", 3) + '"}', [M], 0),
    ('{"event":"' + net(f"{T}='{R}'").replace("'", "\\u0027") + '"}', [M], 0),
    (f"{T}='text'", [MALFORMED], 0),
    (f"{T}=''", [MALFORMED], 0),
    (f"{T}='x {T}: {R}'", [MALFORMED, M], 0),
    (f"the {T} 'config' option", [], 1),
    (f"the '{T}' option", [], 1),
    (f"'{T}': 'text'", [MALFORMED], 0),
    (f"'{T}' 'text'", [], 1),
    (f"{T}='{R[:-1]}'", [MALFORMED], 0),
    (f"{T} '{R[:-1]}'", [MALFORMED], 0),
    (f"{T}='" + "[" * 17 + "]" * 17 + "'", [DEEP], 0),
    (f"{T}='{{}}'", ["!missingMeter"], 0),
    # a record that is not behind its tag
    (doc({"level": 30, "name": T, "msg": R}), [NOT_BEHIND], 1),
    (doc({"logger": T, "message": doc({"message": R})}), [NOT_BEHIND], 1),
    (doc({"logger": T, "message": doc({"message": doc({"message": R})})}), [NOT_BEHIND], 1),
    (doc({"tag": T, "record": json.loads(R)}), [NOT_BEHIND], 1),
    (doc({"tag": T, "records": [5, json.loads(R)]}), [NOT_BEHIND], 1),
    (doc({"name": T, "meter_name": "m", "value": 0}), [NOT_BEHIND], 1),
    (f"INFO {T} App.java:3 {R}", [NOT_BEHIND], 1),
    (f"{R} was for {T}, not for {T}", [NOT_BEHIND], 2),
    (f'{T} null {{"meterApi\\u004eame":"m","meterValue":1}}', [NOT_BEHIND], 1),
    (f'{T} in {{"meterApiName":"m","meterValue":1', [NOT_BEHIND], 1),
    (f'{T} in {{"meterApiName":"m","meterValue":"', [NOT_BEHIND], 1),
    (f'{T} in {{"meterApiName":"m","meterValue":', [], 1),
    (f'{T} in {{"meterApiName":"m","meterValue":null}}', [], 1),
    (f'{T} in {{"meterApiName":null,"meterValue":1}}', [], 1),
    (f'{T} in {{"meterApiName":"m"}} {{"meterValue":1}}', [], 1),
    (f'{T} in {{"meterApiName":"m","more":{{"meterValue":1}}}}', [], 1),
    (f'{T} in {{"customerId":"c","values":{{"a":1}}}}', [NOT_BEHIND], 1),
    (f'{T} in {{"customerId":"c","values":[1]}}', [], 1),
    (f'{T} in {{"values":{{"a":1}}}}', [], 1),
    # a record in another notation than JSON
    (f"{T} MeterRecord(customerId='c', meterApiName='m', meterValue=1)", [NOT_BEHIND], 1),
    (f"{T} MeterRecord {{\n  customerId: 'c',\n  meterApiName: 'm',\n  meterValue: 1\n}}", [NOT_BEHIND], 1),
    (f"msg={T} customerId=c meterApiName=m meterValue=1", [NOT_BEHIND], 1),
    (f"{T}.customerId=c {T}.meterApiName=m {T}.meterValue=1", [NOT_BEHIND], 3),
    ('{"logger":"' + T + '","message":"{\'meterApiName\': \'m\', \'meterValue\': 1}"}', [NOT_BEHIND], 1),
    (f'[{T}] {{"MeterApiName":"m","MeterValue":1}}', [], 1),
    (f'{T},"{{""meterApiName"":""m"",""meterValue"":1}}"', [NOT_BEHIND], 1),
    (f"{T} needs meterApiName", [], 1),
    (f"{T} meter_name=m meter_value=1", [NOT_BEHIND], 1),
    (R, [], 0),
    (f"{T}_total in {R}", [], 0),
    (f"{T} in {R} {T}: 5", [NOT_RECORD], 1),
    (f"{T} in {R} {T}: {R}", [M], 1),
]  # fmt: skip

TAGGED = f"{T}: {R}"
OTHER = TAGGED.replace("1", "2")
N = "m=2@c"
OWN = with_fields(uniqueId='"u"')
RECORD = json.loads(R)
CUT = TAGGED[:40]

# A message, what its values become (`~` is left out), and how many of those that are left out are unreadable
COPIES: list[tuple[str, list[str], int]] = [
    # the members of one object
    (doc({"text": TAGGED + "\n", "record": {"level": {"no": 20}, "message": TAGGED}}), [M, "~"], 0),
    (doc({"message": TAGGED, "log": {"original": TAGGED}, "ecs": {"version": "1.6.0"}}), [M, "~"], 0),
    (f'{{"Message":"{net(TAGGED)}","State":{{"Message":"{net(TAGGED)}","Record":"{net(R)}"}}}}', [M, "~"], 0),
    (doc({"short_message": TAGGED, "full_message": TAGGED + "\n at App", "level": 6}), [M, "~"], 0),
    (doc({"message": TAGGED, T: RECORD}), [M, "~"], 0),
    (doc({T: R, "message": TAGGED}), [M, "~"], 0),
    (doc({"body": TAGGED, "attributes": [{"key": "body", "value": TAGGED}]}), [M, "~"], 0),
    (doc({"a": TAGGED, "b": TAGGED, "c": TAGGED}), [M, "~", "~"], 0),
    (doc({"a": {"b": TAGGED, "c": TAGGED}, "d": TAGGED}), [M, "~", "~"], 0),
    (doc({"a": TAGGED, "b": OTHER, "c": TAGGED, "d": OTHER}), [M, N, "~", "~"], 0),
    (doc({"a": TAGGED, "b": with_fields(meterValue="1.0")}), [M, "~"], 0),
    (doc({"a": OWN, "b": OWN}), [M, M], 0),
    (doc({"a": OWN, "b": TAGGED, "c": TAGGED}), [M, M, "~"], 0),
    (doc({"log": doc({"message": TAGGED}), "message": TAGGED}), [M, "~"], 0),
    (doc({"log": doc({"a": TAGGED, "b": TAGGED})}), [M, "~"], 0),
    (doc({"log": doc({"log": doc({"a": TAGGED, "b": TAGGED})})}), [M, "~"], 0),
    (doc({"log": doc({"log": doc({T: RECORD, "b": R})}), "x": TAGGED}), [M, "~"], 0),
    (f'{{"a":"{esc(TAGGED)}","b":"{net(TAGGED)}","c":"{esc(TAGGED, 2)}"}}', [M, "~", "~"], 0),
    (f'msg="{esc(doc({"a": TAGGED, "b": TAGGED}))}"', [M, "~"], 0),
    ("INFO [app] " + doc({"a": TAGGED, "b": TAGGED}) + " done", [M, "~"], 0),
    (doc({"a": TAGGED, "b": TAGGED}).replace('": ', '"\t:\r\n'), [M, "~"], 0),
    (doc({TAGGED: 1, "b": TAGGED}), [M, "~"], 0),
    # a list says several
    (f"{TAGGED}\n{TAGGED}", [M, M], 0),
    (doc([TAGGED, TAGGED]), [M, M], 0),
    (doc({"a": [TAGGED, TAGGED]}), [M, M], 0),
    (doc({T: [RECORD, RECORD]}), [M, M], 0),
    (doc({"a": TAGGED}) + doc({"a": TAGGED}), [M, M], 0),
    (doc({"a": TAGGED + " " + TAGGED}), [M, M], 0),
    (doc({"a": doc({"a": TAGGED}) + "\n" + doc({"a": TAGGED})}), [M, M], 0),
    (doc({TAGGED: TAGGED}), [M, M], 0),
    (doc({T: [RECORD, RECORD], "message": TAGGED}), [M, M, "~"], 0),
    (doc({"message": TAGGED, T: [RECORD, RECORD]}), [M, M, "~"], 0),
    (doc({"a": [TAGGED, TAGGED], "b": TAGGED + TAGGED + TAGGED}), [M, M, M, "~", "~"], 0),
    (doc({"a": f"{TAGGED}\n{TAGGED}", "b": f"{TAGGED}\n{TAGGED}"}), [M, M, "~", "~"], 0),
    (doc([{"a": TAGGED, "b": TAGGED}, {"a": TAGGED, "b": TAGGED}]), [M, M, "~", "~"], 0),
    (doc([{"a": TAGGED}, TAGGED, [TAGGED]]), [M, M, M], 0),
    (doc({"a": [{"b": TAGGED, "c": [TAGGED, TAGGED]}, TAGGED], "d": TAGGED}), [M, M, M, "~", "~"], 0),
    (doc({"a": TAGGED, "b": TAGGED}) + TAGGED, [M, M, "~"], 0),
    (doc({"a": {T: {"customerId": "c", "values": {"m": 1, "n": 1}}}, "b": TAGGED}), [M, "n=1@c", "~"], 0),
    # cut off, damaged or not JSON
    (doc({"a": TAGGED, "b": TAGGED + " done"})[:-4], [M, "~"], 0),
    (doc({"a": TAGGED, "b": [TAGGED, TAGGED, 5]})[:-4], [M, M, "~"], 0),
    (doc({"x": {}, "a": TAGGED, "b": TAGGED})[2:], [M, M], 0),
    (doc({"a": TAGGED, "b": TAGGED}).replace(", ", " "), [M, M], 0),
    (doc({"a": TAGGED, "b": TAGGED}).replace(": ", " = "), [M, M], 0),
    (f'{{"a":"{esc(TAGGED)}","b":"{esc(TAGGED)}",}} {TAGGED}', [M, M, "~"], 0),
    (f'{{"n":NaN,"i":-Infinity,"p":None,"a":"{esc(TAGGED)}","b":"{esc(TAGGED)}"}}', [M, "~"], 0),
    (f'{{"x":"C:\\x\t","a":"{esc(TAGGED)}","b":"{esc(TAGGED)}"}}', [M, "~"], 0),
    (f'{{"a":"\\x41 {esc(TAGGED)}","b":"{esc(TAGGED)}"}}', [M, "~"], 0),
    (f'{{ {{"a":"{esc(TAGGED)}","b":"{esc(TAGGED)}"}}', [M, "~"], 0),
    (f'[1,2 {{"a":"{esc(TAGGED)}","b":"{esc(TAGGED)}"}}', [M, "~"], 0),
    (f'{{"a":"{esc(TAGGED)}"] {{"b":"{esc(TAGGED)}"}}', [M, M], 0),
    ("[" * 63 + doc({"a": TAGGED, "b": TAGGED}) + "]" * 63, [M, "~"], 0),
    ("[" * 64 + doc({"a": TAGGED, "b": TAGGED}) + "]" * 64, [M, "~"], 0),
    # a template beside what it became
    (doc({"msg": f"{T}: %s", "formatted": TAGGED}), ["~", M], 1),
    (doc({"formatted": TAGGED, "msg": f"{T}: %s", "again": TAGGED}), [M, "~", "~"], 1),
    (doc({"formatted": OWN, "msg": f"{T}: %s"}), [M, "~"], 1),
    (doc({"formatted": TAGGED, "msg": f"{T} - {{Record}}"}), [M, "~"], 1),
    (doc({"formatted": TAGGED, "msg": f"{T} {{Record}} {T}: %s"}), [M, "~", "~"], 2),
    (doc({"formatted": TAGGED, "msg": f'{T}="%s"'}), [M, "~"], 1),
    (doc({"formatted": TAGGED, "msg": f"{T}='{{}}'"}), [M, "~"], 1),
    (doc({"formatted": TAGGED, "msg": f'{T}="{{Record}}"'}), [M, "~"], 1),
    (doc({"log": doc({"msg": f"{T}: %s"}), "message": TAGGED}), ["~", M], 1),
    (doc({"message": TAGGED, "state": {"x": [{"{OriginalFormat}": f"{T}: {{Record}}"}]}}), [M, "~"], 1),
    (doc({"msg": f"{T}: %s", "formatted": f"{T}: {{bad}}"}), [MALFORMED, MALFORMED], 0),
    (doc({"msg": f"{T}: %s", "x": R}), [MALFORMED], 0),
    (doc({"msg": f"{T}: %s {TAGGED}"}), [MALFORMED, M], 0),
    (doc([f"{T}: %s", TAGGED]), [MALFORMED, M], 0),
    (doc({"a": [{"msg": f"{T}: %s"}, {"formatted": TAGGED}]}), [MALFORMED, M], 0),
    (doc({"msg": f"{T}: %s"}) + TAGGED, [MALFORMED, M], 0),
    (doc({"msg": f"{T}: %s"}) + doc({"formatted": TAGGED}), [MALFORMED, M], 0),
    # the beginning of a copy
    (doc({"short_message": CUT, "full_message": TAGGED}), ["~", M], 1),
    (doc({"full_message": TAGGED, "short_message": CUT + "..."}), [M, "~"], 1),
    (doc({"full_message": TAGGED, "short_message": CUT + " \u2026 "}), [M, "~"], 1),
    (doc({"full_message": TAGGED, "short_message": f"{T}: {{"}), [M, "~"], 1),
    (doc({"full_message": OWN, "short_message": OWN[:40]}), [M, "~"], 1),
    (doc({"full_message": TAGGED, "short_message": TAGGED[:-1]}), [M, "~"], 1),
    (doc({"full_message": TAGGED, "log": doc({"short_message": CUT})}), [M, "~"], 1),
    (doc({T: RECORD, "message": f"{T}: {doc(RECORD)}"[:40]}), [M, "~"], 1),
    (doc({"full_message": TAGGED, "short_message": TAGGED})[:-20], [M, "~"], 1),
    (doc({"message": f"{T}: {doc(RECORD)}", T: RECORD})[:-20], [M, "~"], 1),
    (doc({"full_message": TAGGED, "short_message": CUT + "x"}), [M, MALFORMED], 0),
    (doc({"full_message": TAGGED, "short_message": CUT + "... (truncated)"}), [M, MALFORMED], 0),
    (doc({"full_message": OTHER, "short_message": TAGGED[:-18]}), [N, MALFORMED], 0),
    (doc({"full_message": TAGGED, "short_message": f"{T}: "}), [M, MALFORMED], 0),
    (doc({"full_message": TAGGED, "short_message": f"{T}: ...x"}), [M, MALFORMED], 0),
    (doc({"short_message": CUT}), [MALFORMED], 0),
    (doc({"a": TAGGED + " " + CUT}), [M, MALFORMED], 0),
    (doc([TAGGED, CUT]), [M, MALFORMED], 0),
    # other rejects beside a record
    (doc({"a": TAGGED, "b": f"{T}: config"}), [M, MALFORMED], 0),
    (doc({"a": TAGGED, "b": f"{T}: 5"}), [M, NOT_RECORD], 0),
    (doc({"a": TAGGED, "b": f'{T}: {{"a":1}}'}), [M, "!missingMeter"], 0),
    (doc({"a": TAGGED, "b": f"{T}: [{{}}]"}), [M, "!missingMeter"], 0),
    (doc({"a": TAGGED, "b": f"{T}: " + "[" * 17 + "]" * 17}), [M, DEEP], 0),
]  # fmt: skip

PLACEHOLDERS = [
    "%s", "%d", "%-5.2f", "%+v", "%#v", "%(record)s", "% d", "{}", "{0}", "{Record}", "{@Record}",
    "{$Record}", "{Record:l}", "{Record,-10}", "{@Record,5:l}", "{record.body}", "{:>5}", "%s took %d ms",
    "{Record} took",
]  # fmt: skip
NO_PLACEHOLDERS = ["%%x", "%5", "$1", "{Record", "{a b}", "{'a'}", "{{}}", '{"a"}', "config", "[%s]"]

FIELDS: list[tuple[str, str]] = [
    # customer
    (with_fields(customerId=""), "!missingCustomer"),
    (with_fields(customerId="null"), "!missingCustomer"),
    (with_fields(customerId='""'), "!missingCustomer"),
    (with_fields(customerId='""', tenant='"t"'), "!missingCustomer"),
    (with_fields(customerId="null", tenant='"t"'), "m=1@t"),
    (with_fields(customerId="42"), "m=1@42"),
    (with_fields(customerId="1.0"), "!invalidCustomer"),
    (with_fields(customerId="1e3"), "!invalidCustomer"),
    (with_fields(customerId="true"), "!invalidCustomer"),
    (with_fields(customerId='["c"]'), "!invalidCustomer"),
    (with_fields(customerId=json.dumps("é" * 128, ensure_ascii=False)), "m=1@" + "é" * 128),
    (with_fields(customerId=json.dumps("é" * 129)), "!tooLarge"),
    (with_fields(tenant='"t"', tenant_id='"i"'), "m=1@c"),
    (with_fields(meterApiName="", meter_name='"m"', tenant='"t"', tenant_id='"i"'), "m=1@i"),
    (with_fields(meterApiName="", meterName='"m"', tenant='"t"', customer='"x"'), "m=1@t"),
    (with_fields(meterApiName="null", meterName='"m"', tenant='"t"'), "m=1@t"),
    (with_fields(customerId="", customer='"x"'), "m=1@x"),
    # meter
    (with_fields(meterApiName=""), "!missingMeter"),
    (with_fields(meterApiName="null"), "!missingMeter"),
    (with_fields(meterApiName='""', meter_name='"x"'), "!missingMeter"),
    (with_fields(meterApiName="5"), "!invalidMeter"),
    (with_fields(meterApiName=f'"{"m" * 257}"'), "!tooLarge"),
    (with_fields(meterapiname='"x"', meterApiName=""), "!missingMeter"),
    (with_fields(meterApiName='"a\\u0062"'), "ab=1@c"),
    ('amberflo_meter: {"meterApiName":"a","meterValue":1,"customerId":"c","meterApiName":"b"}', "b=1@c"),
    ('amberflo_meter: {"meterApiName":"a","meterValue":1,"customerId":"c","customerId":null}',
     "!missingCustomer"),
    # value
    (with_fields(meterValue=""), "!invalidValue"),
    (with_fields(meterValue="null", value="2"), "m=2@c"),
    (with_fields(meterValue="null", meter_value="3", value="2"), "m=3@c"),
    (with_fields(meterValue="true"), "!invalidValue"),
    (with_fields(meterValue="[1]"), "!invalidValue"),
    (with_fields(meterValue='"12"'), "m=12@c"),
    (with_fields(meterValue='" 12"'), "!invalidValue"),
    (with_fields(meterValue='"+12"'), "!invalidValue"),
    (with_fields(meterValue='""'), "!invalidValue"),
    (with_fields(meterValue='"1,5"'), "!invalidValue"),
    (with_fields(meterValue="1.50"), "m=1.5@c"),
    (with_fields(meterValue="100"), "m=100@c"),
    (with_fields(meterValue="-0.0"), "m=0@c"),
    (with_fields(meterValue="1.5e3"), "m=1500@c"),
    (with_fields(meterValue="12E-3"), "m=0.012@c"),
    (with_fields(meterValue="-2.50e1"), "m=-25@c"),
    (with_fields(meterValue="0.30000000000000004"), "m=0.30000000000000004@c"),
    (with_fields(meterValue="9" * 36), f"m={'9' * 36}@c"),
    (with_fields(meterValue="1e35"), f"m=1{'0' * 35}@c"),
    (with_fields(meterValue="1e36"), "!invalidValue"),
    (with_fields(meterValue="-1e36"), "!invalidValue"),
    (with_fields(meterValue="1e-30"), f"m=0.{'0' * 29}1@c"),
    (with_fields(meterValue="1e-31"), "!invalidValue"),
    (with_fields(meterValue="1." + "0" * 40), "m=1@c"),
    (with_fields(meterValue="0e99999999999999999999"), "m=0@c"),
    (with_fields(meterValue="1e99999999999999999999"), "!invalidValue"),
    (with_fields(meterValue="1e-99999999999999999999"), "!invalidValue"),
    (with_fields(meterValue="1" + "0" * 40 + "e-10"), f"m=1{'0' * 30}@c"),
    # what a binary float prints is rounded to 30 places, half-even
    (with_fields(meterValue="1.5e-30"), f"m=0.{'0' * 29}2@c"),
    (with_fields(meterValue="2.5e-30"), f"m=0.{'0' * 29}2@c"),
    (with_fields(meterValue="2.5000000000000001e-30"), f"m=0.{'0' * 29}3@c"),
    (with_fields(meterValue="-1.5e-30"), f"m=-0.{'0' * 29}2@c"),
    (with_fields(meterValue='"1.5e-30"'), f"m=0.{'0' * 29}2@c"),
    (with_fields(meterValue="9.5e-30"), f"m=0.{'0' * 28}1@c"),
    (with_fields(meterValue="4e-31"), "!invalidValue"),
    (with_fields(meterValue="5e-31"), "!invalidValue"),
    (with_fields(meterValue="5.0000000000000001e-31"), f"m=0.{'0' * 29}1@c"),
    (with_fields(meterValue="6e-31"), f"m=0.{'0' * 29}1@c"),
    (with_fields(meterValue="9e-32"), "!invalidValue"),
    (with_fields(meterValue="1.2345678901234567e-25"), f"m=0.{'0' * 24}123457@c"),
    (with_fields(meterValue="0.00012345678901234567e-21"), f"m=0.{'0' * 24}123457@c"),
    (with_fields(meterValue="1.23456789012345670e-25"), f"m=0.{'0' * 24}123457@c"),
    (with_fields(meterValue="1.23456789012345678e-25"), "!invalidValue"),
    (with_fields(meterValue="2.2250738585072014e-308"), "!invalidValue"),
    # unique id
    (with_fields(uniqueId="7"), M),
    (with_fields(uniqueId="1.5"), "!invalidUniqueId"),
    (with_fields(uniqueId="{}"), "!invalidUniqueId"),
    (with_fields(uniqueId=f'"{"u" * 257}"'), "!tooLarge"),
    # dimensions
    (with_fields(dimensions='{"b":"x","a":3.0,"c":true,"d":null}'), M + " a:3.0,b:x,c:true"),
    (with_fields(dimensions="null"), M),
    (with_fields(dimensions="{}"), M),
    (with_fields(dimensions="[]"), M),
    (with_fields(dimensions='{"a":{}}'), "!invalidDimension"),
    (with_fields(dimensions='{"a":[1]}'), "!invalidDimension"),
    (with_fields(dimensions='"a"'), "!invalidDimension"),
    (with_fields(dimensions="5"), "!invalidDimension"),
    (with_fields(dimensions='{"a":[1],"a":"x"}'), M + " a:x"),
    (with_fields(dimensions='[{"Name":"a","Value":"b"},{"Name":"n","Value":1}]'), M + " a:b,n:1"),
    (with_fields(dimensions='[{"Name":"a","Value":"b"},{"Name":"a","Value":"c"}]'), M + " a:c"),
    (with_fields(dimensions='[{"Name":"a","Value":null}]'), M),
    (with_fields(dimensions='[{"name":"a","value":"b"}]'), "!invalidDimension"),
    (with_fields(dimensions='[{"Name":5,"Value":"b"}]'), "!invalidDimension"),
    (with_fields(dimensions='["a"]'), "!invalidDimension"),
    (with_fields(dimensions=json.dumps({f"d{i}": "v" for i in range(65)})), "!invalidDimension"),
    (with_fields(dimensions=json.dumps({"n" * 257: "v"})), "!invalidDimension"),
    (with_fields(dimensions=json.dumps({"n": "v" * 1025})), "!invalidDimension"),
    # the order of the checks
    (with_fields(meterApiName="", customerId=""), "!missingMeter"),
    (with_fields(meterValue="", customerId=""), "!missingCustomer"),
    (with_fields(meterValue="", time="5", uniqueId="{}", dimensions="5"), "!invalidValue"),
    (with_fields(time="5", uniqueId="{}", dimensions="5"), "!invalidTime"),
    (with_fields(uniqueId="{}", dimensions="5"), "!invalidUniqueId"),
]  # fmt: skip

TIMES: list[tuple[str, int | None]] = [
    ("1767225600123", 1767225600123),
    ("1767225600123.99", 1767225600123),
    ("1.7672256e12", 1767225600000),
    ("17672256000005e-1", 1767225600000),
    ('"1767225600123"', 1767225600123),
    ('"0001767225600123"', 1767225600123),
    ('"1767225600123.0"', None),
    ('" 1767225600123"', None),
    ('"-1767225600123"', None),
    ('"2025-12-31T23:59:59Z"', STAMP - 1000),
    ('"2025-12-31t23:59:59.1239z"', STAMP - 877),
    ('"2026-01-01 05:30:00.5+05:30"', STAMP + 500),
    ('"2025-12-31T23:59:60Z"', STAMP),
    ('"2025-12-31T23:59:61Z"', None),
    ('"2025-02-29T00:00:00Z"', None),
    ('"2024-02-29T00:00:00-00:00"', 1709164800000),
    ('"2025-12-31T24:00:00Z"', None),
    ('"2025-12-31T23:59:59"', None),
    ('"2025-12-31T23:59:59.Z"', None),
    ('"2025-12-31T23:59:59+0530"', None),
    ('"2025-12-31"', None),
    ("946684800000", 946684800000),
    ("946684799999", None),
    ('"1999-12-31T23:59:59.999Z"', None),
    ("1767225600", None),
    ("1767225600000000", None),
    (str(STAMP + 365 * 86_400_000), STAMP + 365 * 86_400_000),
    (str(STAMP + 365 * 86_400_000 + 1), None),
    ("1e400", None),
    ("1e-999999999999999999", None),
    ("true", None),
    ('""', None),
    ("[]", None),
]

LINE_TIMES: list[tuple[bytes, int | None]] = [
    (b"2026-01-01T00:00:00Z INFO", STAMP),
    (b"2026-01-01 00:00:00.250+00:00 INFO", STAMP + 250),
    (b"[2026-01-01T00:00:00Z] INFO", STAMP),
    (b"1767225600 x", STAMP),
    (b"1767225600.5 x", STAMP),
    (b"[1767225600] x", STAMP),
    (b"1767225600123 x", STAMP + 123),
    (b"[1767225600123] x", STAMP + 123),
    (b"17672256001 x", None),
    (b" 1767225600 x", None),
    (b"2026-01-01 00:00:00,123 x", None),
    (b"2026-02-30T00:00:00Z x", None),
    (b"INFO 1767225600 x", None),
]


@pytest.mark.parametrize("case", range(len(FORMS)))
def test_forms(case: int) -> None:
    message, expected, mentions = FORMS[case]
    records, rejects, counts = read(message)
    total = len(records) + len(rejects) + counts.repeated_in_message + counts.unreadable_copies
    assert outcomes(records, rejects, total) == expected, message
    assert counts.mentions == mentions, message
    assert counts.tagged == (1 if expected else 0)


COLOURS = [
    "\x1b[32m", "\x1b[38;5;3m", "\x1b[m", "\x1b[38:2::1:2:3m", "\\u001b[0m", "\\u001B[1;31m", "\\x1b[0m",
    "\\x1B[0m", "\\033[0m", "\\e[1m", "#033[0m", "^[[32m", "[32m", "[0;1K", "\x1b[2J", "\\\\u001b[0m",
]  # fmt: skip


@pytest.mark.parametrize("level", range(3))
@pytest.mark.parametrize("code", COLOURS)
def test_colour_codes(code: str, level: int) -> None:
    """Before, after and between, however many; a raw ESC becomes an escape where the level has one."""
    texts = [
        f"{code}{T}: {R}", f"{T}{code}: {R}", f"{T}:{code}{R}", f"{T} {code} {R}", f"{T}{code}{R}",
        f"INFO{code}{code}{T}{code}:{code} {code}{R}{code}", f"{code}[{T}]{code} {R}",
        f"{code}{T}{code}='{R}'", f'{T}{code}="{esc(R)}"', f'"{code}{T}{code}"{code}:{R}',
    ]  # fmt: skip
    for text in texts:
        message = f'{{"message":"{esc(text, level)}"}}' if level else text
        records, rejects, counts = read(message)
        assert outcomes(records, rejects, 1) == [M], message
        assert counts.mentions == 0, message


@pytest.mark.parametrize("case", range(len(COPIES)))
def test_copies(case: int) -> None:
    message, expected, unreadable = COPIES[case]
    records, rejects, counts = read(message)
    assert outcomes(records, rejects, len(expected)) == expected, message
    assert counts.unreadable_copies == unreadable, message
    assert counts.repeated_in_message == expected.count("~") - unreadable, message
    assert counts.rejects.total() == len(rejects)


@pytest.mark.parametrize(
    ("text", "is_one"), [(p, True) for p in PLACEHOLDERS] + [(p, False) for p in NO_PLACEHOLDERS]
)
def test_placeholders(text: str, is_one: bool) -> None:
    alone = read(doc({"msg": f"{T}: {text}"}))
    assert (len(alone[1]), alone[2].unreadable_copies) == (1, 0)
    _, rejects, counts = read(doc({"msg": f"{T}: {text}", "formatted": TAGGED}))
    assert (len(rejects), counts.unreadable_copies) == ((0, 1) if is_one else (1, 0))


def test_record_not_behind_its_tag() -> None:
    _, rejects, counts = read(doc({"name": "meter_record_for_cw", "tag": T, "msg": R}))
    assert [(r.reason, r.tag, r.ordinal) for r in rejects] == [
        ("recordNotBehindTag", "meter_record_for_cw", 0)
    ]
    assert (counts.mentions, counts.tagged) == (2, 1)


LOGGERS = Path(__file__).resolve().parents[2] / "shared/data/loggers/cases.json"


def test_lines_of_real_loggers() -> None:
    if not LOGGERS.is_file():
        pytest.skip(f"no lines of real loggers at {LOGGERS}")
    for case in json.loads(LOGGERS.read_bytes()):
        records, rejects, _ = read(case["message"])
        assert (len(records), len(rejects)) == (case["records"], case["rejects"]), case["name"]
        assert {r.reason for r in rejects} <= {case.get("reason")}, case["name"]


@pytest.mark.parametrize("case", range(len(FIELDS)))
def test_fields(case: int) -> None:
    message, expected = FIELDS[case]
    records, rejects, _ = read(message)
    assert outcomes(records, rejects, 1) == [expected], message


@pytest.mark.parametrize(("text", "expected"), TIMES)
def test_times(text: str, expected: int | None) -> None:
    records, rejects, _ = read(with_fields(meterTimeInMillis=text))
    assert [r.time for r in records] == ([] if expected is None else [expected])
    assert [r.reason for r in rejects] == (["invalidTime"] if expected is None else [])


@pytest.mark.parametrize(("line", "expected"), LINE_TIMES)
def test_line_times(line: bytes, expected: int | None) -> None:
    assert line_time(line) == expected


def test_time_of_the_event() -> None:
    records, _, _ = read(f"{T}: {R}")
    assert (records[0].time, records[0].time_derived) == (STAMP, True)
    records, _, _ = read(with_fields(time="null", meter_time_in_millis=str(STAMP - 5)))
    assert (records[0].time, records[0].time_derived) == (STAMP - 5, False)
    _, rejects, _ = read(f"{T}: {R}", Event("e", None))
    assert [r.reason for r in rejects] == ["missingTime"]
    assert len(read(with_fields(time='"9999-12-31T23:59:59Z"'), Event("e", None))[0]) == 1
    _, rejects, _ = read(with_fields(time="253402300800000"), Event("e", None))
    assert [r.reason for r in rejects] == ["invalidTime"]


def test_identity() -> None:
    records, _, _ = read(f"{T}: {R} {T}: 5 {T}: {R.replace('1', '2')}")
    text = "123456789012\0group\0stream\0e1\0"
    assert [r.ordinal for r in records] == [0, 2]
    ids = [hashlib.sha256((text + ordinal).encode()).hexdigest()[:32] for ordinal in "02"]
    assert [r.unique_id for r in records] == ids
    assert read(with_fields(unique_id='"u"', uniqueId="null"))[0][0].unique_id == "u"
    assert read(with_fields(uniqueId="12"))[0][0].unique_id == "12"
    empty = read(with_fields(uniqueId='""', unique_id='"u"'))[0][0]
    assert empty.unique_id == ids[0]
    shared, _, _ = read(f'{T}: {{"customerId":"c","uniqueId":"u","values":{{"a":1,"b":2}}}}')
    assert [r.unique_id for r in shared] == ["u", "u"]


def test_output() -> None:
    records, _, _ = read(with_fields(
        customerId='"\\u001f\\u007f\\/\\"\\\\é\\n\\ud83d\\ude00"',
        uniqueId='"u"', meterValue="1.0", time=str(STAMP),
        dimensions='{"\\ud83d\\ude00":"1","\\uffff":2,"a":true}',
    ))  # fmt: skip
    assert records[0].line() == (
        '{"uniqueId":"u","meterApiName":"m","meterValue":1,"meterTimeInMillis":1767225600000,'
        '"customerId":"\\u001f\x7f/\\"\\\\é\\n\U0001f600",'
        '"dimensions":{"a":"true","\uffff":"2","\U0001f600":"1"}}'
    )
    records, _, _ = read(with_fields(uniqueId='"u"', customerId='""'), allow=True)
    assert records[0].line() == (
        '{"uniqueId":"u","meterApiName":"m","meterValue":1,"meterTimeInMillis":1767225600000}'
    )


@pytest.mark.parametrize(
    ("members", "kept"),
    [
        ([(1, 1), (0, 1)], 1),
        ([(0, 1), (1, 1)], 1),
        ([(1, 2), (0, 1)], 2),
        ([(1, 1), (0, 2)], 2),
        ([(0, 1), (1, 1), (2, 1)], 1),
        ([(0, 2), (1, 2), (2, 3)], 3),
        ([(2, 1), (2, 1), (2, 1)], 1),
        ([(3, 3), (1, 2), (3, 1)], 3),
    ],
)
def test_repeats(members: list[tuple[int, int]], kept: int) -> None:
    """Members of one object, each with the record some times on some level."""
    texts = []
    for number, (level, count) in enumerate(members):
        inside = esc(" ".join([f"{T} {R}"] * count), level)
        texts.append(f'"k{number}":"{inside}"' if level else f'"{T}":[{",".join([R] * count)}]')
    records, rejects, counts = read("{" + ",".join(texts) + "}")
    assert [r.ordinal for r in records] == list(range(kept))
    assert rejects == []
    assert counts.repeated_in_message == sum(count for _, count in members) - kept


def test_repeats_need_equal_records_without_an_id() -> None:
    def kept(other: str) -> int:
        return len(read(doc({"a": TAGGED, "b": other}))[0])

    assert kept(f"{T} {R}") == 1
    assert kept(f'{T}="{esc(R)}"') == 1
    assert kept(f"{T} {R.replace('1', '1.0')}") == 1
    assert kept(f"{T} {R.replace('1', '2')}") == 2
    assert kept(with_fields(time=str(STAMP))) == 1
    assert kept(with_fields(time=str(STAMP - 1))) == 2
    assert kept(with_fields(dimensions='{"a":1}')) == 2
    assert kept(with_fields(dimensions="{}")) == 1
    assert kept(with_fields(customerId='"d"')) == 2
    assert kept(with_fields(uniqueId='"u"')) == 2
    assert kept(with_fields(uniqueId='""')) == 1


def test_counts() -> None:
    differing, same = '{"tenant":"a","customer":"b","x":1,"y":2,"x":3}', '{"x":1,"customer":5,"tenant":"5"}'
    _, _, counts = read(f"{T}: {differing} {T}: [{same}]")
    assert (counts.conflicting_customer, counts.ignored_keys) == (1, {"x": 3, "y": 1})
    assert read(f'{T}: {{"tenant":true,"customer":false}}')[2].conflicting_customer == 1
    assert read(f'{T}: {{"tenant":null,"customer":1}}')[2].conflicting_customer == 0
    blob = "\n".join(f'{T}: {{"k{i}":1,"k0":2}}' for i in range(150)) + f"\n{T}\n\n"
    results, total = read_lines(blob.encode(), "app.log")
    assert (len(results), total.events, total.tagged, total.mentions) == (151, 151, 150, 1)
    assert len(total.ignored_keys) == 100
    assert (total.ignored_keys["k0"], total.ignored_keys["k99"]) == (151, 1)
    assert "k100" not in total.ignored_keys


def test_at_most_ten_thousand_values() -> None:
    records, rejects, counts = read(f"{T}: [" + ",".join(["5"] + [R] * 10_004) + f"] {T}: {R} {T}")
    assert [r.ordinal for r in records] == list(range(1, 10_000))
    assert [(r.reason, r.ordinal) for r in rejects] == [("notARecord", 0), ("tooLarge", 10_000)]
    assert counts.mentions == 0
    records, rejects, counts = read(f"{T}: [" + ",".join([R] * 10_000) + f"] {T}")
    assert (len(records), len(rejects), counts.mentions) == (10_000, 0, 1)


def test_lines_of_a_file() -> None:
    results, _ = read_lines(b"a\r\nb\na\n", "app.log")
    digest = [hashlib.sha256(text).hexdigest() for text in (b"a", b"b")]
    assert [r.event.id for r in results] == [f"{digest[0]}-0", f"{digest[1]}-0", f"{digest[0]}-1"]


def seed() -> int:
    return int(os.environ.get("METERTAP_SEED") or 1)


def documents() -> tuple[int, str]:
    count = int(os.environ.get("METERTAP_ORACLE_DOCUMENTS") or 100_000)
    name = f"METERTAP_SEED={seed()} METERTAP_ORACLE_DOCUMENTS={count}"
    print(name)
    return count, name


def test_random_documents_count_as_the_rule_says() -> None:
    """The reference alone: it need not read all that the product reads."""
    count, name = documents()
    generator = LineGenerator(seed())
    for number in range(min(count, 5_000)):
        text, expected = generator.document(f"c{number}")
        records, rejects, _ = read(text)
        counted = Counter(record.meter for record in records)
        assert [counted[f"m{meter}"] for meter in range(METERS_OF_A_DOCUMENT)] == expected, f"{name}\n{text}"
        assert rejects == [], f"{name}\n{text}"


# --- the product ---


LINES = ("--format", "lines", "--source", "app.log")
NO_CUSTOMER = "--allow-missing-customer"


def extract(cli: Path, blob: bytes, directory: Path, *flags: str) -> tuple[list[str], list[dict], dict]:
    rejects, summary = directory / "rejects.ndjson", directory / "summary.json"
    command = [str(cli), "extract", "--provenance"]
    command += ["--rejects", str(rejects), "--summary", str(summary), *flags]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("METERTAP_")}
    done = subprocess.run(
        command, input=blob, capture_output=True, env=environment, cwd=directory, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    reject_lines = rejects.read_bytes().splitlines() if rejects.exists() else []
    records = done.stdout.decode().split("\n")
    assert records.pop() == ""
    return records, [json.loads(line) for line in reject_lines], json.loads(summary.read_bytes())


Answer = tuple[list[str], list[str]]


def product_answers(records: list[str], rejects: list[dict]) -> dict[str, Answer]:
    """By event: its records and its rejects, as text to compare."""
    answers: dict[str, Answer] = {}
    for line in records:
        source = json.loads(line[line.rindex(',"source":{') + len(',"source":') : -1])
        answers.setdefault(source["eventId"], ([], []))[0].append(line)
    for reject in rejects:
        text = f"{reject['ordinal']} {reject['reason']} {reject['tag']} {json.dumps(reject['source'])}"
        answers.setdefault(reject["source"].get("eventId", "none"), ([], []))[1].append(text)
    return answers


def reference_answer(result: LineResult) -> Answer:
    event = result.event
    source = {"account": event.account, "logGroup": event.log_group, "logStream": event.log_stream}
    source |= {"eventId": event.id, "timestamp": event.timestamp}
    records = []
    for record in result.records:
        provenance = source | {"ordinal": record.ordinal}
        if record.time_derived:
            provenance["timeDerived"] = True
        text = json.dumps(provenance, ensure_ascii=False, separators=(",", ":"))
        records.append(f'{record.line()[:-1]},"source":{text}}}')
    rejects = [f"{r.ordinal} {r.reason} {r.tag} {json.dumps(source)}" for r in result.rejects]
    return records, rejects


def compare(cli: Path, blob: bytes, directory: Path, *flags: str) -> str:
    """The differences between the product and the reference on lines; empty if there are none."""
    results, total = read_lines(blob, "app.log", allow_missing_customer=NO_CUSTOMER in flags)
    return differences_of(results, total, *extract(cli, blob, directory, *LINES, *flags))


def differences_of(
    results: list[LineResult], total: Counts, records: list[str], rejects: list[dict], summary: dict
) -> str:
    """The ten shortest differences, then those of the summary."""
    answers = product_answers(records, rejects)
    differences: list[str] = []
    order: list[str] = []
    for result in results:
        expected = reference_answer(result)
        order += expected[0]
        actual = answers.pop(result.event.id, ([], []))
        if actual != expected:
            differences.append(f"line {result.line!r}\n  expected {expected}\n  actual   {actual}")
    differences += [f"unknown event {name}: {answer}" for name, answer in answers.items()]
    if not differences and records != order:
        differences.append("the records are not in the order of the lines")
    more = len(differences) - 10
    differences = sorted(differences, key=len)[:10] + ([f"and {more} more"] if more > 0 else [])
    for name, expected in total.summary().items():
        if summary.get(name) != expected:
            differences.append(f"summary {name}\n  expected {expected}\n  actual   {summary.get(name)}")
    return "\n".join(differences)


def test_extract_agrees_on_hand_made_lines(cli: Path, tmp_path: Path) -> None:
    messages = [m.encode() if isinstance(m, str) else m for m, _, _ in FORMS]
    messages += [m.encode() for m, _ in FIELDS]
    messages += [m.encode() for m, _, _ in COPIES]
    messages += [doc({"msg": f"{T}: {p}", "x": TAGGED}).encode() for p in PLACEHOLDERS + NO_PLACEHOLDERS]
    messages += [f"{c}{T}{c}:{c} {R}".encode() for c in COLOURS]
    messages += [doc({"m": f"{c}[{T}]{c} {R}"}).encode() for c in COLOURS]
    messages += [with_fields(time=text).encode() for text, _ in TIMES]
    lines = [b"2026-01-01T00:00:00Z " + m.replace(b"\r\n", b"\t").replace(b"\n", b" ") for m in messages]
    lines += [line + f" {T}: {R}".encode() for line, _ in LINE_TIMES]
    differences = compare(cli, b"\n".join(lines) + b"\n", tmp_path)
    assert not differences, differences


MANY = f"2026-01-01T00:00:00Z {T}: [" + ",".join([R] * 9_998)


@pytest.mark.parametrize(
    "line",
    [
        f"{MANY},{R},{R}] {T}",
        f"{MANY},{R},{R}] {T} {T}: {R} {T}",
        f"{MANY},{R},{R},{R},{R}] {T}: {R} {T}",
        f'{MANY}] {T} {{"customerId":"c","x":1,"values":{{"a":1,"b":2,"c":3,"d":4}}}} {T}',
    ],
    ids=["full", "one-more", "cut-array", "cut-values"],
)
def test_extract_agrees_at_the_limit_of_values(cli: Path, tmp_path: Path, line: str) -> None:
    differences = compare(cli, line.encode() + b"\n", tmp_path)
    assert not differences, differences[-2_000:]


def seed_and_count() -> tuple[int, int, str]:
    count = int(os.environ.get("METERTAP_ORACLE_LINES") or 20_000)
    name = f"METERTAP_SEED={seed()} METERTAP_ORACLE_LINES={count}"
    print(name)
    return seed(), count, name


def test_random_documents_count_as_the_rule_says_in_extract(cli: Path, tmp_path: Path) -> None:
    count, name = documents()
    generator = LineGenerator(seed())
    texts: list[str] = []
    expected: list[list[int]] = []
    for number in range(count):
        text, counts = generator.document(f"c{number}")
        texts.append(text)
        expected.append(counts)
    blob = "start\n" + "\n".join(texts) + "\n"
    lines, rejects, summary = extract(cli, blob.encode(), tmp_path, *LINES)
    # Each document has a customer of its own. After the id, the lines of equal records are the same.
    counted = Counter(line.partition('"meterApiName":')[2].partition(',"source":')[0] for line in lines)
    for number, (text, counts) in enumerate(zip(texts, expected, strict=True)):
        tail = f',"meterValue":1,"meterTimeInMillis":{START},"customerId":"c{number}"'
        actual = [counted.pop(f'"m{meter}"{tail}', 0) for meter in range(METERS_OF_A_DOCUMENT)]
        assert actual == counts, f"{name}\n{text}"
    assert counted == {}, name
    assert rejects == [], name
    assert summary["records"] == sum(sum(counts) for counts in expected), name


@pytest.mark.parametrize("flags", [(), (NO_CUSTOMER,)], ids=["customer", "no-customer"])
def test_extract_agrees_on_generated_lines(cli: Path, tmp_path: Path, flags: tuple[str, ...]) -> None:
    seed, count, name = seed_and_count()
    differences = compare(cli, LineGenerator(seed).blob(count), tmp_path, *flags)
    assert not differences, f"{name}\n{differences}"


@pytest.mark.parametrize("ascii_only", [False, True], ids=["raw", "ascii"])
def test_extract_agrees_on_an_envelope(cli: Path, tmp_path: Path, ascii_only: bool) -> None:
    """Messages of log events: they may hold line breaks, and each has a time of its own."""
    seed, count, name = seed_and_count()
    generator = LineGenerator(seed)
    account, group, stream = "123456789012", "/aws/lambda/ä", "2026/01/01/[$LATEST]abc"
    events, results, total = [], [], Counts()
    for number in range(count // 4):
        message = generator.event_message()
        event = Event(str(10**55 + number), generator.millis(), account, group, stream)
        records, rejects, counts = read_message(message.encode(), event)
        total.add(counts)
        results.append(LineResult(message.encode(), event, records, rejects))
        events.append({"id": event.id, "timestamp": event.timestamp, "message": message})
    envelope = {"messageType": "DATA_MESSAGE", "owner": account, "logGroup": group, "logStream": stream}
    envelope |= {"subscriptionFilters": ["all"], "logEvents": events}
    blob = json.dumps(envelope, ensure_ascii=ascii_only).encode()
    differences = differences_of(results, total, *extract(cli, blob, tmp_path, "--format", "event"))
    assert not differences, f"{name}\n{differences}"
