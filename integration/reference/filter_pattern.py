"""A second evaluator of filter patterns, written to be obvious and not to be fast.

It serves twice: as what the fake of CloudWatch Logs looks for, and as the oracle for the evaluator in Swift.
It shares no idea with that one: grammar is checked by regular expressions, patterns are cut apart as text,
and values are compared by Python's own `re` and `decimal`. What the AWS page leaves open is decided as in
docs/filter-patterns.md.
"""

import json
import re
from collections.abc import Iterable, Iterator
from decimal import Context, Decimal
from typing import Any


class Invalid(ValueError):
    """The pattern is none."""


SPACE = " \t\n\r"
QUOTED = r'"(?:\\["\\]|\\(?!["\\])|[^"\\])*"'
REGEX = r"%[^%]*%"
NUMBER = r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
BARE = r"[A-Za-z0-9_.*+-]+(?![A-Za-z0-9_.*+-])"
VALUE = f"(?:{QUOTED}|{REGEX}|{BARE})"
OPERATOR = r"(?:!=|<=|>=|=|<|>)"


def matches(pattern: str, message: str) -> bool:
    """Whether a pattern takes a message; `Invalid` when it is no pattern."""
    if len(pattern) > 1024:
        raise Invalid("too long")
    text = pattern.strip(SPACE)
    if not text:
        return True
    if text[0] == "{":
        return matches_json(text, message)
    if text[0] == "[":
        return matches_delimited(text, message)
    if text[0] == "%":
        if not re.fullmatch(REGEX, text, re.S):
            raise Invalid("more than a regular expression")
        return translated(text).search(message) is not None
    return matches_terms(text, message)


# Terms


def matches_terms(text: str, message: str) -> bool:
    tokens = rf"(?:[?-]?(?:{QUOTED}|[A-Za-z0-9_]+)(?:[{SPACE}]+|$))+"
    if not re.fullmatch(tokens, text, re.S):
        raise Invalid("terms")
    found: dict[str, list[bool]] = {"": [], "-": [], "?": []}
    for sign, term in re.findall(rf"([?-]?)({QUOTED}|[A-Za-z0-9_]+)", text, re.S):
        word = unquoted(term)
        found[sign].append(not word.strip(SPACE) or word in message)
    if found[""] or found["-"]:
        return all(found[""]) and not any(found["-"])
    return any(found["?"])


def unquoted(term: str) -> str:
    return re.sub(r'\\(["\\])', r"\1", term[1:-1], flags=re.S) if term[0] == '"' else term


# Regular expressions

SYMBOL = r"[A-Za-z0-9:_#=@/;, -]"
ESCAPE = r"\\(?:x[0-7][0-9A-Fa-f]|[dDsSwW]|[\^$?\[\]{}|\\*+.:_#=@/;,-])"
SINGLE_ESCAPE = r"\\(?:x[0-7][0-9A-Fa-f]|[\^$?\[\]{}|\\*+.:_#=@/;,-])"
IN_CLASS = rf"(?:{SINGLE_ESCAPE}|[A-Za-z0-9:_#=@/;, \-^$?{{}}|*+.])"
RANGE = rf"{IN_CLASS}(?:-{IN_CLASS}|(?!-\\[dDsSwW]))"
CLASS = rf"\[(?:\^|(?!\^))(?:\\[dDsSwW]|{RANGE})+\]"
QUANTIFIER = r"(?:[?*+]|\{[0-9]+(?:,[0-9]*)?\}|\{,[0-9]+\})"
PIECE = rf"(?:[\^$](?![?*+{{])|(?:{SYMBOL}|{ESCAPE}|{CLASS}|\.){QUANTIFIER}?(?![?*+{{]))"
EXPRESSION = re.compile(rf"{PIECE}+(?:\|{PIECE}+)*")


def translated(regex: str) -> re.Pattern[str]:
    """What stands between percent signs, as Python's own expression."""
    body = regex[1:-1]
    if not EXPRESSION.fullmatch(body):
        raise Invalid("regular expression")
    for piece in re.findall(PIECE, body):
        bounds = re.search(r"\{([0-9]*),?([0-9]*)\}$", piece)
        if (
            bounds
            and len(piece) > len(bounds[0])
            and any(int(bound or 0) > 1000 for bound in bounds.groups())
        ):
            raise Invalid("repetition")
    # Python's own rules differ: its `$` is also in front of a last line break, and a class may warn of
    # operators of the future.
    pieces = re.findall(rf"{CLASS}|{ESCAPE}|.", body, re.S)
    python = "".join(r"\Z" if piece == "$" else in_class(piece) for piece in pieces)
    try:
        return re.compile(python, re.S | re.A)
    except re.error as error:
        raise Invalid(str(error)) from None


def in_class(piece: str) -> str:
    if piece[0] != "[" or len(piece) == 1:
        return piece
    inner = piece[1:-1]
    sign = "^" if inner.startswith("^") else ""
    inner = inner[len(sign) :]
    made = ""
    for part in re.findall(rf"\\[dDsSwW]|{RANGE}", inner):
        ends = re.fullmatch(rf"({IN_CLASS})-({IN_CLASS})", part)
        if re.fullmatch(r"\\[dDsSwW]", part):
            made += part
        elif ends:
            made += f"{re.escape(literal(ends[1]))}-{re.escape(literal(ends[2]))}"
        else:
            made += re.escape(literal(part))
    return f"[{sign}{made}]"


def literal(single: str) -> str:
    if single[:2] == "\\x" and len(single) == 4:
        return chr(int(single[2:], 16))
    return single[1:] if single[0] == "\\" and len(single) == 2 else single


# Values

EXACT = Context(prec=10_000)


def holds(operator: str, value: str, text: str, is_number: bool) -> bool:
    """A condition on a value of a message."""
    if value[0] == "%":
        result = translated(value).search(text) is not None
        return result if operator == "=" else not result
    if value[0] != '"' and re.fullmatch(NUMBER, value):
        if is_number:
            left, right = Decimal(text), Decimal(value)
            order = left.compare(right, EXACT)
            return (
                order
                in {"=": (0,), "!=": (-1, 1), "<": (-1,), ">": (1,), "<=": (-1, 0), ">=": (0, 1)}[operator]
            )
        if operator not in ("=", "!="):
            return False
    word = unquoted(value)
    front, behind = word[:1] == "*", word[-1:] == "*"
    core = word.removeprefix("*")
    if not (front and not core):
        core = core.removesuffix("*")
    else:
        behind = True
    python = (".*" if front else "") + re.escape(core) + (".*" if behind else "")
    result = re.fullmatch(python, text, re.S) is not None
    return result if operator == "=" else not result


def check_condition(operator: str, value: str) -> None:
    if operator not in ("=", "!=") and not (value[0] != '"' and re.fullmatch(NUMBER, value)):
        raise Invalid("order of no number")
    if value[0] == "%":
        translated(value)


def check_regexes(values: Iterable[str]) -> None:
    if sum(value[0] == "%" for value in values) > 2:
        raise Invalid("more than two regular expressions")


# JSON

NAME = r"[A-Za-z0-9_-]+(?![A-Za-z0-9_-])"
MEMBER = rf"(?:\.\['[^']+'\]|\.\*|\.{NAME})"
ELEMENT = r"(?:\[[0-9]{1,9}\]|\[\*\])"
SELECTOR = rf"\${MEMBER}(?:{MEMBER}|{ELEMENT})*"
S = rf"[{SPACE}]*"
TEST = (
    rf"({SELECTOR}){S}(?:({OPERATOR}){S}({VALUE})"
    rf"|(IS[{SPACE}]+(?:NULL|TRUE|FALSE)|NOT[{SPACE}]+EXISTS)(?![A-Za-z0-9_]))"
)


def matches_json(text: str, message: str) -> bool:
    tokens = list(tokens_of_json(text))
    try:
        document = json.loads(
            message, strict=True, parse_int=Numeral, parse_float=Numeral, parse_constant=refuse
        )
    except (ValueError, RecursionError):
        document = None
    verdict = or_expression(tokens, document)
    if tokens:
        raise Invalid("rest")
    return verdict and isinstance(document, dict)


def refuse(name: str) -> Any:
    raise ValueError(name)


class Numeral(str):
    """A number as it is written."""


def tokens_of_json(text: str) -> Iterator[Any]:
    """Parentheses, operators, and conditions as tuples, without the braces."""
    if not (len(text) > 1 and text[0] == "{" and text[-1] == "}"):
        raise Invalid("braces")
    position, end = 1, len(text) - 1
    values, wildcards = [], 0
    while position < end:
        if text[position] in SPACE:
            position += 1
        elif text[position] in "()":
            yield text[position]
            position += 1
        elif text[position : position + 2] in ("&&", "||"):
            yield text[position : position + 2]
            position += 2
        else:
            test = re.compile(TEST, re.S).match(text, position, end)
            if not test:
                raise Invalid("condition")
            selector, operator, value, words = test.groups()
            count = len(re.findall(r"\.\*|\[\*\]", re.sub(r"\['[^']*'\]", "", selector)))
            wildcards += count
            if count > 1 or wildcards > 3:
                raise Invalid("wildcards")
            if operator:
                check_condition(operator, value)
                values.append(value)
            yield selector, operator, value, words and re.sub(rf"[{SPACE}]", "", words)
            position = test.end()
    check_regexes(values)


def or_expression(tokens: list[Any], document: Any) -> bool:
    result = and_expression(tokens, document)
    while tokens and tokens[0] == "||":
        tokens.pop(0)
        other = and_expression(tokens, document)
        result = result or other
    return result


def and_expression(tokens: list[Any], document: Any) -> bool:
    result = condition(tokens, document)
    while tokens and tokens[0] == "&&":
        tokens.pop(0)
        other = condition(tokens, document)
        result = result and other
    return result


def condition(tokens: list[Any], document: Any) -> bool:
    if not tokens:
        raise Invalid("end")
    token = tokens.pop(0)
    if token == "(":
        result = or_expression(tokens, document)
        if not tokens or tokens.pop(0) != ")":
            raise Invalid("parenthesis")
        return result
    if not isinstance(token, tuple):
        raise Invalid("operator")
    selector, operator, value, words = token
    found = selected(selector, document)
    if words == "NOTEXISTS":
        return not found
    if words:
        wanted = {"ISNULL": None, "ISTRUE": True, "ISFALSE": False}[words]
        return any(one is wanted for one in found)
    return any(
        isinstance(one, str) and holds(operator, value, str(one), isinstance(one, Numeral)) for one in found
    )


def selected(selector: str, document: Any) -> list[Any]:
    found = [document]
    for quoted, name, index in re.findall(rf"\.\['([^']+)'\]|\.({NAME}|\*)|\[([0-9]+|\*)\]", selector):
        reached: list[Any] = []
        for one in found:
            if isinstance(one, dict) and not index:
                reached += (
                    list(one.values()) if name == "*" else [one[k] for k in (quoted or name,) if k in one]
                )
            elif isinstance(one, list) and index:
                reached += one if index == "*" else one[int(index) : int(index) + 1]
        found = reached
    return found


# Space-delimited

WORD = r"[A-Za-z0-9_]*"
ONE = rf"({WORD}){S}({OPERATOR}){S}({VALUE})"
FIELD = (
    rf"{S}(?:\.\.\.|{WORD}(?:{S}{OPERATOR}{S}{VALUE}(?:{S}(?:&&|\|\|){S}{WORD}{S}{OPERATOR}{S}{VALUE})*)?){S}"
)


def matches_delimited(text: str, message: str) -> bool:
    if not re.fullmatch(rf"\[{FIELD}(?:,{FIELD})*\]", text, re.S):
        raise Invalid("fields")
    inner = text[1:-1]
    fields, position = [], 0
    while True:
        field = re.compile(FIELD, re.S).match(inner, position)
        assert field
        fields.append(field[0].strip(SPACE))
        position = field.end() + 1
        if position > len(inner):
            break
    if fields.count("...") > 1:
        raise Invalid("ellipsis")
    check_regexes(value for field in fields for _, _, value in re.findall(ONE, field, re.S))
    tests = [conditions(field) for field in fields]
    words = words_of(message)
    if "..." in fields:
        middle = fields.index("...")
        gap = len(words) - (len(fields) - 1)
        if gap < 0:
            return False
        tests[middle : middle + 1] = [[]] * gap
    elif len(words) > len(fields) and not tests[-1]:
        words = words[: len(fields)]
    if len(words) != len(tests):
        return False
    return all(field_holds(test, word) for test, word in zip(tests, words, strict=True))


def words_of(message: str) -> list[str]:
    """Each word: what stands in quotation marks, in brackets, or by itself."""
    return ["".join(m) for m in re.findall(rf'"([^"]*)"|\[([^\]]*)\]|([^{SPACE}]+)', message, re.S)]


def conditions(field: str) -> list[list[tuple[str, str]]]:
    """The alternatives of a field, each a list of conditions; none for any word."""
    if field == "..." or re.fullmatch(WORD, field):
        return []
    alternatives: list[list[tuple[str, str]]] = [[]]
    position, name = 0, None
    while position < len(field):
        joint = re.compile(rf"{S}(&&|\|\|){S}").match(field, position)
        if joint:
            position = joint.end()
            if joint[1] == "||":
                alternatives.append([])
        one = re.compile(ONE, re.S).match(field, position)
        assert one
        if not one[1] or (name is not None and one[1] != name):
            raise Invalid("name")
        name = one[1]
        check_condition(one[2], one[3])
        alternatives[-1].append((one[2], one[3]))
        position = one.end()
    return alternatives


def field_holds(alternatives: list[list[tuple[str, str]]], word: str) -> bool:
    is_number = re.fullmatch(NUMBER, word) is not None
    return not alternatives or any(
        all(holds(operator, value, word, is_number) for operator, value in tests) for tests in alternatives
    )
