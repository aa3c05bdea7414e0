"""Seeded log lines with meter records in every form of the log-line contract, and damaged ones."""

from __future__ import annotations

import datetime
import json
import random
from collections.abc import Iterator

TAGS = ("amberflo_meter", "meter_record_for_cw", "meter_record_for_stream")
START = 1_735_689_600_000  # 2025-01-01T00:00:00Z, far enough from any clock's "in a year"

TEXTS = [
    "acme", "tenant-7", "a/b|c", "Zoë", "Zoe\u0308", "日本", "\U0001f600", "tab\there", 'say "hi"',
    "back\\slash", "line\nbreak", "nul\0", "\x7f\x80\u2028", "it's", "<b>&+", "x" * 60, " ", "a=b: c",
    "C:\\new\\table", "\ufeff", "true", "null", "0", "amberflo_meter", "{}", "\\u0022", "\x1f\b\f\r",
]  # fmt: skip
METERS = ["ApiCalls", "apicalls", "Storage-GB", "cpu.seconds", "Größe", "m" * 50]
UNKNOWN = ["meterApiname", "customerID", "region", "level", "uniqueid", "dimension", "", "Ünbekannt", "a b"]
DIMENSIONS = ["region", "Region", "a", "z", "é", "e\u0301", "\U0001f600", "\uffff", "k"]
NUMBERS = [
    "1", "0", "-0", "-1", "1.0", "1.50", "100", "1e3", "1E+3", "1e-3", "12.5e1", "0.1", "0.30000000000000004",
    "123456789012345678901234567890", "1e35", "1e36", "999999999999999999999999999999999999", "-1e36",
    "9.99e35", "1e-30", "1e-31", "1.000000000000000000000000000000000000",
    "0.0000000000000000000000000000001", "0e999999999999999999999", "1e999999999999999999999",
    "1e-999999999999999999999", "0.5e-29", "-0.0e5", "1000000000000000000000000000000000000e-5",
    "18446744073709551616", "5e-324", "1.7976931348623157e308", "00000000000000000000", "01", "1.", ".5",
    "+1", "1e", "NaN", "Infinity", "0x10", "1_000", "1,5", "--1", "-",
]  # fmt: skip
WRONG = [
    "null", "true", "false", '""', "[]", "{}", "[1]", '{"a":1}', "1.5", "1e2", '"text"', "-3", "0", '" "',
    "-0",
]  # fmt: skip
DAMAGE = [
    b"\\", b'"', b"'", b"\\\\", b'\\"', b'\\\\\\"', b"\\n", b"\\\\n", b"\\u0022", b"\\\\u0022",
    b"{", b"}", b"[", b"]", b":", b"=", b",", b" ", b"\t", b"\r", b"\0", b"\xff", b"\xc3", b"\xed\xa0\x80",
    b"\xef\xbb\xbf", b"\\ud800", b"\\udc00", b"\\ud83d\\ude00", b"\\u0020", b"\\u0041", b"null", b"true",
    b"1", b"-", b"_", b"e", b"n", b"amberflo_meter", b"meter_record_for_cw ", b'"amberflo_meter":',
    b"amberflo_meter={}", b"\\/", b"\\x", b"\x1f", b'amberflo_meter="', b"\\u00", b"/*", b"//",
]  # fmt: skip
COLOURS = [
    "\x1b[32m", "\x1b[38;5;3m", "\x1b[39m", "\x1b[m", "\x1b[2J", "\\u001b[0m", "\\u001B[1;31m", "\\x1b[0m",
    "\\x1B[1m", "\\033[0m", "\\e[1m", "#033[0m", "^[[32m", "[32m", "[0;1K", "\\\\u001b[0m", "[m", "[3x",
    "\x1b[", "#011", "#012", "#177", "#040", "#", "\x1b",
]  # fmt: skip
APART = [  # @ is the tag
    "[@] ", "(@) ", "**@:** ", "**@** ", "`@` ", "<@>", "<@/> ", "_@_ ", "@ - ", "@ | ", "@ -> ", "@ => ",
    "@, ", "@; ", "@. ", "@\u00a0", "@\u3000: ", "@\ufeff", "@\uff1a", "@:\u2009", "@ (", "@ \u201c", "@\0",
    "@" + "-" * 16, "@" + "-" * 17, "@" + "- " * 16, "@" + "=" * 16, "@" + "=" * 17,
    "@:" + "\u2014" * 15, "@:" + "\u2014" * 16, "[@] [INFO] ", "@ \u00e9 ", "@ \u2167 ", "@\u0301 ",
]  # fmt: skip
TEMPLATES = [
    "%s", "%d", "%-5.2f", "%(record)s", "% d", "{}", "{0}", "{Record}", "{@Record,5:l}", "{:>5}", "%s and %s",
    "%", "%5", "$1", "{Record", "{a b}", "{{}}", "{ }", "[%s]", "config", "...", "",
]  # fmt: skip
METERS_OF_A_DOCUMENT = 3
SCALARS = ["1", "null", "true", "-1.5e3", '"x"', '"a, b: c"', "[]", "{}", '"\\u00e9\\n"', "[1,[2]]"]
TAGGED_LINES = [  # @ is a record
    f"{TAGS[0]}: @", f"INFO {TAGS[1]} @ took 3 ms", f"{TAGS[2]}=@ n=1", f"[{TAGS[0]}] @", f"({TAGS[0]}) (@)",
    f"\x1b[32m{TAGS[0]}\x1b[0m: @\x1b[0m", f"{TAGS[0]}='@'", f"{TAGS[0]} - @ -", f"**{TAGS[1]}:** @",
    f"{TAGS[0]}\u00a0@.",
]  # fmt: skip
LOGGER_KEYS = [
    "message",
    "msg",
    "log",
    "text",
    "body",
    "short_message",
    "full_message",
    "original",
    "Message",
]


class LineGenerator:
    def __init__(self, seed: int):
        self.random = random.Random(seed)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    # --- values of fields, as JSON text ---

    def string(self, text: str) -> str:
        style = self.random.random()
        if style < 0.6:
            return json.dumps(text, ensure_ascii=False)
        if style < 0.85:
            return json.dumps(text)
        if style < 0.95:
            return json.dumps(text).replace("/", "\\/")
        return '"' + "".join(f"\\u{unit:04X}" for unit in utf16(text)) + '"'

    def text(self) -> str:
        if self.chance(0.02):
            return self.random.choice(["x" * 256, "x" * 257, "é" * 128, "é" * 129, "y" * 1024, "y" * 1025])
        return self.random.choice(TEXTS) if self.chance(0.4) else f"c{self.random.randint(0, 99)}"

    def wrong(self) -> str:
        return self.random.choice(WRONG)

    def customer(self) -> str:
        kind = self.random.random()
        if kind < 0.8:
            return self.string(self.text())
        if kind < 0.92:
            return self.random.choice(["1", "42", "0", "-7", "123456789012345678901234567890", "9" * 257])
        return self.wrong()

    def number(self) -> str:
        kind = self.random.random()
        if kind < 0.5:
            return str(self.random.randint(0, 10_000))
        if kind < 0.6:
            return repr(self.random.uniform(-1e6, 1e6))
        if kind < 0.82:
            return self.random.choice(NUMBERS)
        if kind < 0.96:
            padding = self.random.choice(["", "", "", " ", "\t", "x"])
            return json.dumps(self.random.choice(NUMBERS) + padding)
        return self.wrong()

    def millis(self) -> int:
        return START + self.random.randint(0, 10_000_000_000)

    def date_time(self, millis: int) -> str:
        moment = datetime.datetime.fromtimestamp(millis / 1000, datetime.UTC)
        text = moment.strftime("%Y-%m-%d") + self.random.choice("TTTt ") + moment.strftime("%H:%M:%S")
        text += self.random.choice(["", f".{millis % 1000:03d}", ".5", ".123456789", ".9999"])
        return text + self.random.choice(["Z", "Z", "z", "+00:00", "-00:00", "+05:30", "-08:00"])

    def time(self) -> str:
        kind = self.random.random()
        millis = self.millis()
        if kind < 0.4:
            return str(millis)
        if kind < 0.55:
            return f'"{millis}"'
        if kind < 0.75:
            return f'"{self.date_time(millis)}"'
        if kind < 0.95:
            return self.random.choice([
                f"{millis}.0", f"{millis}.999", f"{millis / 1e12:.12f}e12", f"{millis}0e-1",
                str(millis // 1000), str(millis * 1000), "946684800000", "946684799999", "946684799999.9",
                "946684800000.0", "-1", "0", '"0001735689600000"', '"1735689600000.5"', '"-1735689600000"',
                '" 1735689600000"', '"2025-02-29T00:00:00Z"', '"2024-02-29T00:00:00Z"',
                '"2024-12-31T23:59:60Z"', '"2024-12-31T23:59:61Z"', '"2024-12-31T24:00:00Z"',
                '"2024-13-01T00:00:00Z"', '"2024-12-31T23:59:59"', '"2024-12-31"', '"2024-12-31T23:59:59.Z"',
                '"2024-12-31T23:59:59,5Z"', '"2024-12-31T23:59:59+0100"', '"2024-12-31T23:59:59+24:00"',
                '"1999-12-31T23:59:59.999Z"', '"2000-01-01T00:00:00Z"', '"2000-01-01T00:00:00+00:01"',
                '"2024-12-31 23:59:59Z"', '"2024-12-31  23:59:59Z"', '"2024-12-31T23:59:60.75+01:00"',
                '"9999-12-31T23:59:60Z"', '"0000-01-01T00:00:00Z"', '"٢٠٢٤"', '"now"', '""', "1e400",
                "1e-400", "1735689600000e0", "17356896e5",
            ])  # fmt: skip
        return self.wrong()

    def dimensions(self) -> str:
        kind = self.random.random()
        if kind < 0.6:
            members = [
                (self.string(self.random.choice(DIMENSIONS)), self.dimension_value())
                for _ in range(self.random.randint(0, 5))
            ]
            return self.object(members)
        if kind < 0.8:
            elements = []
            for _ in range(self.random.randint(0, 4)):
                members = [
                    ('"Name"', self.string(self.random.choice("abc")) if self.chance(0.9) else self.wrong()),
                    ('"Value"', self.dimension_value()),
                ]
                if self.chance(0.05):
                    members.pop(self.random.randrange(2))
                if self.chance(0.1):
                    members.append(('"Unit"', self.wrong()))
                self.random.shuffle(members)
                elements.append(self.object(members) if self.chance(0.96) else self.wrong())
            return "[" + ",".join(elements) + "]"
        if kind < 0.85:
            count = self.random.choice([64, 65])
            last = self.random.choice(["1", "1", "null"])
            return "{" + ",".join(f'"d{i}":{1 if i else last}' for i in range(count)) + "}"
        if kind < 0.9:
            return json.dumps({"n" * self.random.choice([256, 257]): "v" * self.random.choice([1024, 1025])})
        return self.wrong()

    def dimension_value(self) -> str:
        kind = self.random.random()
        if kind < 0.6:
            return self.string(self.text())
        if kind < 0.9:
            return self.random.choice(["1", "1.0", "1E5", "-0", "0.10", "true", "false", "null", '""'])
        return self.wrong()

    # --- records ---

    def object(self, members: list[tuple[str, str]]) -> str:
        style = self.random.random()
        if style < 0.6:
            return "{" + ",".join(f"{name}:{value}" for name, value in members) + "}"
        if style < 0.85:
            return "{" + ", ".join(f"{name}: {value}" for name, value in members) + "}"
        if not members:
            return "{ }"
        space = self.random.choice([" ", "\n  ", "\r\n\t", "\n"])
        return "{" + space + f",{space}".join(f"{name} : {value}" for name, value in members) + space + "}"

    def record(self) -> str:
        choose = self.random.choice
        members: list[tuple[str, str]] = []

        def add(name: str, value: str) -> None:
            if self.chance(0.01):
                value = "null"
            spelled = self.string(name) if self.chance(0.05) else json.dumps(name)
            members.append((spelled, value))

        if self.chance(0.12):
            names = [choose(METERS) for _ in range(self.random.randint(0, 4))]
            members.append(('"values"', self.object([(self.string(n), self.number()) for n in names])))
            if self.chance(0.1):
                members[-1] = ('"values"', self.wrong())
            if self.chance(0.1):
                name = choose(["meterApiName", "meterValue", "value", "meterName"])
                add(name, choose(["null", '"m"', "1"]))
        else:
            if self.chance(0.97):
                name = choose(["meterApiName", "meterApiName", "meter_api_name", "meter_name", "meterName"])
                bad = choose([self.wrong(), '"' + "m" * 257 + '"'])
                add(name, self.string(choose(METERS)) if self.chance(0.94) else bad)
            if self.chance(0.97):
                add(choose(["meterValue", "meterValue", "meter_value", "value"]), self.number())
        if self.chance(0.95):
            add(choose(["customerId", "customerId", "tenant_id", "tenant", "customer"]), self.customer())
        if self.chance(0.7):
            add(choose(["meterTimeInMillis", "time", "meter_time_in_millis"]), self.time())
        if self.chance(0.3):
            value = self.string(self.text()) if self.chance(0.7) else choose(["7", "1.5", '""', self.wrong()])
            add(choose(["uniqueId", "unique_id"]), value)
        if self.chance(0.4):
            add("dimensions", self.dimensions())
        if self.chance(0.15):
            add("sequence", self.sequence())
        while self.chance(0.15):
            add(choose(UNKNOWN), choose([self.wrong(), self.string(self.text())]))
        if self.chance(0.1):  # a second customer
            add(choose(["customerId", "tenant_id", "tenant", "customer"]), self.customer())
        if self.chance(0.05):  # a second meter or value under another or the same name
            name = choose(["meterApiName", "meter_name", "meterValue", "value"])
            add(name, choose(['"Other"', "2", "null"]))
        if members and self.chance(0.05):
            name, _ = choose(members)
            members.append((name, choose([self.wrong(), self.string(self.text()), self.number()])))
        if self.chance(0.5):
            self.random.shuffle(members)
        return self.object(members)

    def sequence(self) -> str:
        if self.chance(0.1):
            return self.wrong()
        numbers = ["42", "0", "-0", "-1", "1.0", "1e2", "9223372036854775807", "9223372036854775808", '"7"']
        members = [
            ('"source"', self.string(self.text()) if self.chance(0.8) else self.wrong()),
            ('"number"', self.random.choice(numbers) if self.chance(0.9) else self.wrong()),
        ]
        if self.chance(0.1):
            members.append(self.random.choice([('"number"', "3"), ('"source"', '"again"'), ('"more"', "[]")]))
        if self.chance(0.05):
            members.pop(self.random.randrange(len(members)))
        self.random.shuffle(members)
        return self.object(members)

    def plain_record(self) -> str:
        members = {
            "meterApiName": self.random.choice(METERS),
            "meterValue": self.random.randint(1, 5),
            "customerId": self.random.choice(["acme", "tenant-7"]),
            "meterTimeInMillis": START + self.random.randint(0, 3),
        }
        return json.dumps(members)

    def nested(self, depth: int) -> str:
        opening = [self.random.choice(["[", '{"k":']) for _ in range(depth)]
        inside = self.random.choice(["1", "[]", "{}", '"x"'])
        return "".join(opening) + inside + "".join("]" if o == "[" else "}" for o in reversed(opening))

    def value(self) -> str:
        kind = self.random.random()
        if kind < 0.72:
            return self.record()
        if kind < 0.82:
            count = self.random.randint(0, 4)
            elements = [self.record() if self.chance(0.8) else self.wrong() for _ in range(count)]
            return "[" + self.random.choice([",", ", ", " ,\n"]).join(elements) + "]"
        if kind < 0.85:
            return self.nested(self.random.choice([1, 2, 15, 16, 17, 18]))
        if kind < 0.88:
            inner = self.nested(self.random.choice([13, 14, 15, 16]))
            return '{"meterApiName":"m","meterValue":1,"customerId":"c","extra":' + inner + "}"
        return self.random.choice([
            *WRONG, "3", "3ms", "3.5", "-", "nul", "nullx", "truely", "tru", "1-2", "2025-01-02",
        ])  # fmt: skip

    # --- forms ---

    def escape(self, text: str) -> str:
        style = self.random.random()
        if style < 0.5:
            return json.dumps(text, ensure_ascii=False)[1:-1]
        if style < 0.7:
            return json.dumps(text)[1:-1]
        if style < 0.8:
            return json.dumps(text).replace("/", "\\/")[1:-1]
        escaped = json.dumps(text, ensure_ascii=self.chance(0.5))[1:-1]
        out, at = [], 0
        while at < len(escaped):  # as .NET writes it
            pair = escaped[at : at + 2]
            if pair == '\\"':
                out.append("\\u0022")
            elif pair.startswith("\\"):
                out.append(pair)
            else:
                out.append(f"\\u{ord(pair[0]):04X}" if pair[0] in "<>&+'" else pair[0])
                at -= 1
            at += 2
        return "".join(out)

    def tagged(self, tag: str) -> str:
        """A tag and its value in some form, at level 0."""
        choose = self.random.choice
        value = self.value()
        kind = self.random.random()
        if kind < 0.1:
            return self.set_apart(tag, value)
        if kind < 0.18:
            return self.in_apostrophes(tag, value)
        if kind < 0.38:
            between = [": ", ":", "=", " ", "\t", " : ", " = ", "  ", "", " :", "\n", ":\n", "::", ": = "]
            return self.coloured(tag) + choose(between) + self.coloured("") + value
        if kind < 0.6:
            text = f'"{tag}"' + choose([":", ": ", " : ", ":  ", "\n:\n"]) + value
            depth = choose([0, 1, 1, 1, 2, 3, 15, 16, 20])
            for level in range(depth):
                before = choose(["", "", '"level":"info",', '"n":[1,{"a":"}"}], '])
                after = choose(["", "", ', "z":null', ',"q":"\\""']) if level else choose(["", ',"took":3'])
                text = "{" + before + text + after + "}"
                if level < depth - 1:
                    text = f'"k{level}":' + text
            return text
        if kind < 0.85:
            for _ in range(choose([1, 1, 1, 2, 3, 4])):
                before, after = choose(["", "", "", " ", "\\n"]), choose(["", "", "", " ", " x"])
                value = f'"{before}{self.escape(value)}{after}"'
            return choose([f"{tag}=", f'"{tag}":', f'"{tag}": ', f"{tag} ", f"{tag}: ", f'"{tag}"']) + value
        if kind < 0.92:
            return f"'{tag}'" + choose([": ", ":", "", " "]) + value
        return self.mention(tag)

    def coloured(self, text: str) -> str:
        """The text, now and then with colour codes, or what looks like some, around it."""
        if self.chance(0.75):
            return text
        before, after = (self.random.choice(["", *COLOURS]) for _ in range(2))
        return before + text + after

    def set_apart(self, tag: str, value: str) -> str:
        before, after = self.random.choice(APART).split("@")
        if self.chance(0.2):
            value = f'{{"level":"info","{tag}":{value}}}'
        elif self.chance(0.2):
            value = json.dumps(value, ensure_ascii=False)
        elif self.chance(0.1):
            value = repr(value)
        closing = self.random.choice(["", "", ")", "]", "*", f"</{tag}>"])
        return before + self.coloured(tag) + after + self.coloured("") + value + closing

    def in_apostrophes(self, tag: str, value: str) -> str:
        """As structlog, Python's repr and Node's inspect write a string; not always with escapes."""
        kind = self.random.random()
        if kind < 0.5:
            value = repr(value)
        elif kind < 0.6:
            value = "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("m", "\\x6d") + "'"
        else:
            space = self.random.choice(["", "", " ", "\n", "\\n"])
            value = f"'{space}{value}{space}'"
        between = self.random.choice(["=", ": ", ":", " ", " = ", " - ", ""])
        name = self.random.choice([tag, tag, f"'{tag}'", f'"{tag}"'])
        return name + between + value + self.random.choice(["", " n=1", "}", " 'x'"])

    def mention(self, tag: str) -> str:
        return self.random.choice([
            f"reading {tag} config", f"{tag}", f'"{tag}"', f"'{tag}'", f"{tag}: null", f'"{tag}":null,',
            f"{tag}_total 5", f"x{tag}: 1", f"{tag}.", f"{tag} null", f"[{tag}]", f"{tag}: []",
            f'["{tag}", {{"a":1}}]', f"{tag}:", f"{tag} =", f"{tag} 5 items", f"{tag} 5x", f'log("{tag}", 3)',
            f"{tag}:null", f"{tag}=null.", f"{tag} -1", f"{tag} true", f'{tag} "quoted" text',
            f'{tag}: "open', f"{tag}:5", f"{tag}é", f"é{tag} {{}}", f"-{tag}-", f"{tag}\\",
            f"[{tag}] text", f"{tag} - {{config}}", f"<{tag}/>", f"{tag} 'config'", f"{tag}: 'config'",
            f'[{tag}] {{"a":1}}', f"{tag} (see below)", f"[{tag}] [5]", f"{tag}: **", f"{tag} -- null",
        ])  # fmt: skip

    def wrap(self, text: str) -> str:
        """The text inside a JSON string, as a logger's message."""
        before = self.random.choice(["", "", "INFO ", "3\tms\n", "x\n\n", 'say "a" ', "\b", "C:\\n", "é"])
        after = self.random.choice(["", "", " took 3 ms", "\nEND", ' "b"', "\\"])
        inside = self.escape(before + text + after)
        return self.random.choice([
            f'{{"level":"INFO","message":"{inside}"}}', f'{{"message": "{inside}", "at": 1}}',
            f'msg="{inside}" n=1', f'["{inside}"]', f'{{"a":{{"log":"{inside}"}}}}',
        ])  # fmt: skip

    def prefix(self) -> str:
        choose = self.random.choice
        millis = self.millis()
        return choose([
            "", "", "INFO ", f"{self.date_time(millis)} INFO ", f"[{self.date_time(millis)}] ", f"{millis} ",
            f"[{millis}] ", f"{millis // 1000} ", f"{millis // 1000}.123 ", f"[{millis // 1000}]",
            f"{millis}7 ", " ", "<14>1 ", "\ufeff", "2025-01-02 03:04:05,123 ", "2025-02-30T00:00:00Z ",
            "START RequestId: 1 ", "\t", "x_", "x-",
        ])  # fmt: skip

    def repeated(self) -> str:
        """A logger's raw and parsed copies of the same records."""
        tag = self.random.choice(TAGS)
        records = [self.plain_record() for _ in range(self.random.randint(1, 2))]
        parts = []
        for _ in range(self.random.randint(2, 6)):
            record = self.random.choice(records)
            if self.chance(0.2):
                record = record.replace('"meterValue": 1', '"meterValue": 1.0')
                record = record.replace('"acme"', '"acm\\u0065"')
            text = f"{tag} {record}" if self.chance(0.5) else f"{tag}: [{record},{record}]"
            for _ in range(self.random.choice([0, 0, 1, 1, 2, 3])):
                text = '"m":"' + json.dumps(text)[1:-1] + '"'
            parts.append(text)
        return "{" + ",".join(parts) + "}"

    def structured(self) -> str:
        """A JSON document in which the same few records are tagged in members, in strings and in lists."""
        records = [self.plain_record() for _ in range(self.random.choice([1, 1, 2]))]
        text = self.structured_value(records, 0, self.random.choice([1, 2, 3, 4, 5]))
        if self.chance(0.1):
            return f'msg="{self.escape(text)}" n=1'
        if self.chance(0.1):
            text = text[: self.random.randint(0, len(text))]
        if self.chance(0.1):
            text += self.random.choice([" ", "", "\n"]) + self.structured_line(records, 0)
        return text

    def structured_value(self, records: list[str], level: int, depth: int) -> str:
        """A JSON value in a document on some level."""
        kind = self.random.random()
        if depth == 0 or kind < 0.35:
            if level < 3 and kind < 0.3:
                lines = [
                    self.structured_line(records, level + 1) for _ in range(self.random.choice([1, 1, 2]))
                ]
                return '"' + self.escape(self.random.choice(["\n", "\n", " ", ""]).join(lines)) + '"'
            return self.random.choice(
                ["1", "null", "true", "-1.5e3", '"x"', "[]", "{}", "NaN", '"\\x"', '"[{"']
            )
        if kind < 0.5:
            count = self.random.randint(1, 3)
            elements = [self.structured_value(records, level, depth - 1) for _ in range(count)]
            return "[" + self.random.choice([",", ", ", " ,\n"]).join(elements) + "]"
        members = []
        for _ in range(self.random.randint(1, 4)):
            if self.chance(0.25):
                members.append((f'"{self.random.choice(TAGS)}"', self.tagged_member(records)))
            elif self.chance(0.03):
                members.append((f'"{self.escape(self.structured_line(records, 3))}"', "1"))
            else:
                name = f'"{self.random.choice(LOGGER_KEYS)}"'
                members.append((name, self.structured_value(records, level, depth - 1)))
        return self.object(members)

    def spelled(self, records: list[str]) -> str:
        """One of the records: as it is, written otherwise, with an id of its own, damaged or cut off."""
        record = self.random.choice(records)
        kind = self.random.random()
        if kind < 0.65:
            return record
        if kind < 0.75:
            return record.replace('"meterValue": 1', '"meterValue": 1.0').replace('"acme"', '"acm\\u0065"')
        if kind < 0.8:
            return record[:-1] + ', "uniqueId": "u"}'
        if kind < 0.9:
            cut = record[: self.random.randint(0, len(record))]
            return cut + self.random.choice(["", "", "...", "\u2026", " ", " ... ", "x"])
        return self.random.choice(TEMPLATES)

    def tagged_member(self, records: list[str]) -> str:
        kind = self.random.random()
        if kind < 0.5:
            return self.random.choice(records)
        if kind < 0.7:
            return (
                "[" + ", ".join(self.random.choice(records) for _ in range(self.random.randint(1, 3))) + "]"
            )
        if kind < 0.9:
            return '"' + self.escape(self.spelled(records)) + '"'
        return self.random.choice(["null", "5", '"text"', self.spelled(records)])

    def structured_line(self, records: list[str], level: int) -> str:
        """A line of a text on some level: a tagged record, or a document."""
        kind = self.random.random()
        if kind < 0.25 and level < 3:
            return self.structured_value(records, level, self.random.randint(1, 3))
        tag = self.random.choice(TAGS)
        if kind < 0.3:
            return self.mention(tag)
        value = self.spelled(records)
        if kind < 0.4:
            return self.set_apart(tag, value)
        if kind < 0.45:
            return self.in_apostrophes(tag, value)
        if kind < 0.5:
            return f'{tag}="{self.escape(value)}"'
        if kind < 0.55:
            return f"{tag}: [{value}, {self.spelled(records)}]"
        after = self.random.choice(["", "", "", " took 3 ms", "\n", "..."])
        return (
            self.random.choice(["", "INFO "])
            + self.coloured(tag)
            + self.random.choice([": ", " ", "="])
            + value
            + after
        )

    def not_behind(self) -> str:
        """A record in a message that names its tag elsewhere: as the logger's name, or in a sentence."""
        choose = self.random.choice
        tag = choose(TAGS)
        record = self.plain_record() if self.chance(0.6) else self.record()
        if self.chance(0.2):
            record = record.replace(choose(["meterApiName", "meterValue", "customerId"]), "x")
        inside = f'"{self.escape(record)}"' if self.chance(0.5) else record
        for _ in range(choose([0, 0, 0, 1, 2, 3])):
            escaped = self.escape('{"message": ' + inside + "}")
            inside = f'"{escaped}"'
        text = choose([
            f'{{"name":"{tag}","msg":{inside}}}', f'{{"level":30, "tag": "{tag}", "record": {inside}}}',
            f'{{"msg":{inside},"logger":"{tag}"}}', f"INFO {tag} App.java:3 {inside}", f"{inside} for {tag}",
            f'{{"a":[{inside},5],"b":{{"c":"see {tag} here"}}}}', f"{tag} null {inside}",
        ])  # fmt: skip
        return text[: self.random.randint(0, len(text))] if self.chance(0.1) else text

    def message(self) -> str:
        kind = self.random.random()
        if kind < 0.04:
            return self.prefix() + self.repeated()
        if kind < 0.2:
            return self.prefix() + self.structured()
        if kind < 0.24:
            return self.prefix() + self.not_behind()
        pieces = []
        for _ in range(self.random.choice([1, 1, 1, 1, 2, 2, 3])):
            text = self.tagged(self.random.choice(TAGS))
            levels = self.random.choice([0, 0, 0, 1, 1, 1, 2, 3, 4])
            for _ in range(levels):
                text = self.wrap(text)
            pieces.append(text)
        joint = self.random.choice([" ", ", ", "", "\n", " took 3 ms "])
        end = self.random.choice(["", "", " took 3 ms", "}", '"', " ", "\t"])
        return self.prefix() + joint.join(pieces) + end

    def damaged(self, line: bytes) -> bytes:
        out = bytearray(line)
        for _ in range(self.random.choice([1, 1, 1, 2, 3, 6])):
            at = self.random.randint(0, len(out))
            kind = self.random.random()
            if kind < 0.3:
                out[at:at] = self.random.choice(DAMAGE)
            elif kind < 0.5:
                del out[at : at + self.random.choice([1, 1, 1, 2, 5, 20])]
            elif kind < 0.7:
                piece = self.random.choice(DAMAGE)
                out[at : at + len(piece)] = piece
            elif kind < 0.8:
                out[at : at + 1] = bytes([self.random.randrange(256)])
            elif kind < 0.9:
                length = self.random.randint(1, 40)
                out[at:at] = out[at : at + length]
            else:
                del out[at:]
        return bytes(out)

    def line(self) -> bytes:
        text = self.message()
        text = text.replace("\n", self.random.choice([" ", "\r", "\t", "  "]))
        line = text.encode()
        kind = self.random.random()
        if kind < 0.35:
            line = self.damaged(line)
        elif kind < 0.42:
            line = line[: self.random.randint(0, len(line))]
        return line.replace(b"\n", b" ")

    def event_message(self) -> str:
        """A message of a log event: it may hold line breaks, but only what UTF-8 can write."""
        data = self.message().encode()
        if self.chance(0.3):
            data = self.damaged(data)
        return data.decode("utf-8", "replace")

    # --- documents whose records are counted while they are made ---

    def document(self, customer: str) -> tuple[str, list[int]]:
        """A JSON document, and how often it counts the record of each of the meters m0, m1 and m2.

        An object counts a record as often as the member that has it most; an array and a text, as often as
        all that is in them. The counts come from the choices made here, so they depend on no reader.
        """
        fields = [
            (f'"meterApiName":"m{meter}"', '"meterValue":1', f'"customerId":"{customer}"', f'"time":{START}')
            for meter in range(METERS_OF_A_DOCUMENT)
        ]
        spellings = [
            (
                "{" + ",".join(members) + "}",
                "{" + ", ".join(reversed(members)) + "}",
                "{" + ",".join(members).replace(":1,", ":1.0,") + ',"extra":[{"a":null}]}',
            )
            for members in fields
        ]
        while True:
            text, counts = self.counted_value(spellings, 0, 1 + int(self.random.random() * 5))
            if text[0] in "{[":
                return text, counts

    def counted_value(
        self, spellings: list[tuple[str, ...]], level: int, depth: int
    ) -> tuple[str, list[int]]:
        roll = self.random.random()
        if depth == 0 or roll < 0.15:
            if level < 3:
                text, counts = self.counted_text(spellings, level + 1)
                return json.dumps(text, ensure_ascii=roll < 0.07), counts
            return SCALARS[int(roll * 100) % len(SCALARS)], [0] * METERS_OF_A_DOCUMENT
        if roll < 0.35:
            counted = [
                self.counted_value(spellings, level, depth - 1) for _ in range(int(self.random.random() * 4))
            ]
            return "[" + ",".join(text for text, _ in counted) + "]", total([counts for _, counts in counted])
        texts, counts = [], [[0] * METERS_OF_A_DOCUMENT]
        for number in range(1 + int(self.random.random() * 3)):
            roll = self.random.random()
            if roll < 0.3:
                text, count = self.counted_member(spellings, level)
                texts.append(f'"{TAGS[int(roll * 10)]}":{text}')
            elif roll < 0.35:
                texts.append(f'"logger":"{TAGS[0]}"')
                continue
            elif roll < 0.4:
                texts.append(f'"n{number}": {SCALARS[int(roll * 100) % len(SCALARS)]}')
                continue
            else:
                text, count = self.counted_value(spellings, level, depth - 1)
                texts.append(f'"k{number}": {text}')
            counts.append(count)
        return "{" + ", ".join(texts) + "}", [max(of_meter) for of_meter in zip(*counts, strict=True)]

    def counted_records(self, spellings: list[tuple[str, ...]], some: int) -> tuple[list[str], list[int]]:
        texts, counts = [], [0] * METERS_OF_A_DOCUMENT
        for _ in range(some):
            # The first meter is the most frequent one.
            meter = int(self.random.random() ** 2 * METERS_OF_A_DOCUMENT)
            counts[meter] += 1
            texts.append(spellings[meter][int(self.random.random() * 3)])
        return texts, counts

    def counted_member(self, spellings: list[tuple[str, ...]], level: int) -> tuple[str, list[int]]:
        """The value of a tagged member: a record, a list or a quoted form."""
        roll = self.random.random()
        texts, counts = self.counted_records(spellings, 1 if roll < 0.6 else 1 + int(roll * 10) % 3)
        text = texts[0] if roll < 0.6 else "[" + ",".join(texts) + "]"
        if level < 3 and int(roll * 100) % 4 == 0:
            text = json.dumps(text)
        return text, counts

    def counted_text(self, spellings: list[tuple[str, ...]], level: int) -> tuple[str, list[int]]:
        """Lines of a text that is in a string: tagged records, documents and others."""
        lines, counts = [], [[0] * METERS_OF_A_DOCUMENT]
        for _ in range(1 + int(self.random.random() * 2.2)):
            roll = self.random.random()
            if roll < 0.25:
                text, count = self.counted_value(spellings, level, 1 + int(roll * 8))
                if text[0] not in "{[":
                    continue
            elif roll < 0.3:
                lines.append(f"reading {TAGS[0]} config")
                continue
            else:
                (value,), count = self.counted_records(spellings, 1)
                text = TAGGED_LINES[int(roll * 1000) % len(TAGGED_LINES)].replace("@", value)
            lines.append(text)
            counts.append(count)
        return "\n".join(lines), total(counts)

    # --- lines of a file ---

    def lines(self, count: int) -> Iterator[bytes]:
        previous: list[bytes] = []
        for _ in range(count):
            if previous and self.chance(0.02):
                yield self.random.choice(previous[-50:])
                continue
            previous.append(self.line())
            yield previous[-1]

    def blob(self, count: int) -> bytes:
        endings = [b"\n", b"\n", b"\n", b"\r\n"]

        # The first line is plain: nothing at the start of the input is a byte order mark or tells a format.
        return b"start\n" + b"".join(line + self.random.choice(endings) for line in self.lines(count))


def total(counts: list[list[int]]) -> list[int]:
    return [sum(of_meter) for of_meter in zip(*counts, strict=True)] or [0] * METERS_OF_A_DOCUMENT


def utf16(text: str) -> list[int]:
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[i : i + 2]) for i in range(0, len(data), 2)]
