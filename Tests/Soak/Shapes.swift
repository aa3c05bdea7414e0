/// Makes messages like those that loggers write, in all the forms of a record, right and nearly right: what the quick way
/// reads, and what it must leave to others by a hair.
struct Shapes {
    /// One of some texts; the first one most often.
    private func choose(_ mutator: inout Mutator, _ texts: [String]) -> String {
        mutator.number(below: 24) > 0 ? texts[0] : texts[mutator.number(below: texts.count)]
    }

    /// The next message; one in four is mutated.
    func message(_ mutator: inout Mutator) -> [UInt8] {
        var text = record(&mutator)
        let level = mutator.number(below: 4)
        text = inForm(text, &mutator)
        for _ in 0..<level { text = inString(text, &mutator) }
        if mutator.number(below: 16) == 0 { text += " " + inForm(record(&mutator), &mutator) }
        let bytes = Array(text.utf8)
        return mutator.number(below: 4) == 0 ? mutator.mutate(bytes) : bytes
    }

    private func inForm(_ record: String, _ mutator: inout Mutator) -> String {
        let tag = choose(
            &mutator, ["amberflo_meter", "meter_record_for_cw", "meter_record_for_stream", "amberflo_meter_x"])
        let space = choose(&mutator, ["", " ", "  ", "\t"])
        let prefix = choose(
            &mutator,
            ["INFO ", "", "x", "é ", "\t", "a=\"b\" ", "\\", "{\"a\":1} ", "n", "\n", "[", "\u{1b}[32m", "#011"])
        let suffix = choose(&mutator, [" done", "", "}", "\"", " é", "\\u0061", " amberflo_meter", ","])
        switch mutator.number(below: 5) {
        case 0: return prefix + tag + space + ":" + space + record + suffix
        case 1: return prefix + tag + "=" + quoted(record) + suffix
        case 2: return "{\"a\":\"b\",\"" + tag + "\"" + space + ":" + space + record + ",\"c\":[1]}"
        case 3: return "{\"" + tag + "\":" + quoted(space + record) + "}"
        default:
            return prefix + tag
                + choose(&mutator, [" ", "", "='", " = ", ": :", "] ", " - ", "\u{1b}[0m: ", "\u{a0}", ", "]) + record
                + suffix
        }
    }

    private func inString(_ text: String, _ mutator: inout Mutator) -> String {
        let rest = choose(&mutator, ["", ",\"level\":\"info\"", ",\"at\":\"\\u00e9\\/\""])
        return "{\"message\":" + quoted(text) + rest + "}"
    }

    private func quoted(_ text: String) -> String {
        var quoted = "\""
        for character in text.unicodeScalars {
            switch character {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            default: quoted.unicodeScalars.append(character)
            }
        }
        return quoted + "\""
    }

    // MARK: - The record

    private func record(_ mutator: inout Mutator) -> String {
        var members = [
            member(&mutator, ["customerId", "tenant_id", "tenant", "customer", "customerid"], customer(&mutator)),
            member(
                &mutator, ["meterApiName", "meter_api_name", "meter_name", "meterName"],
                choose(&mutator, ["\"ApiCalls\"", "\"Zähler\"", "\"\"", "1", "null", "\"\(long(&mutator))\""])),
            member(&mutator, ["meterValue", "meter_value", "value"], number(&mutator)),
        ]
        if mutator.flip() {
            members.append(member(&mutator, ["meterTimeInMillis", "time", "meter_time_in_millis"], time(&mutator)))
        }
        if mutator.flip() {
            let ids = ["\"u-1\"", "\"\"", "17", "-0", "1.5", "null", "\"a\\\"b\"", "\"\(long(&mutator))\""]
            members.append(member(&mutator, ["uniqueId", "unique_id"], choose(&mutator, ids)))
        }
        if mutator.flip() { members.append(member(&mutator, ["dimensions", "Dimensions"], dimensions(&mutator))) }
        if mutator.number(below: 12) == 0 {
            members.append(
                choose(&mutator, ["\"other\":1", "\"customerId\":\"c2\"", "\"values\":{\"a\":1}", "\"sequence\":{}"]))
        }
        for index in members.indices { members.swapAt(index, mutator.number(below: members.count)) }
        let comma = choose(&mutator, [",", ", ", " , "])
        return "{" + choose(&mutator, ["", " "]) + members.joined(separator: comma) + choose(&mutator, ["", " "]) + "}"
    }

    private func member(_ mutator: inout Mutator, _ names: [String], _ value: String) -> String {
        "\"" + choose(&mutator, names) + "\"" + choose(&mutator, [":", ": ", " : "]) + value
    }

    private func long(_ mutator: inout Mutator) -> String {
        String(repeating: "x", count: 250 + mutator.number(below: 12))
    }

    private func customer(_ mutator: inout Mutator) -> String {
        choose(
            &mutator,
            [
                "\"c-1\"", "42", "-7", "1e2", "\"é\"", "\"\"", "\"a\\/b\"", "\"\\u00e9\"", "true",
                "\"\(long(&mutator))\"",
            ])
    }

    private func number(_ mutator: inout Mutator) -> String {
        let digits = String(repeating: "9", count: 30 + mutator.number(below: 10))
        return choose(
            &mutator,
            [
                "12", "0", "-0", "0.0", "-0.0", "1.50", "-3.25", "01", "1.", ".5", "1e3", "\"7\"", "\"7.10\"", "\" 7\"",
                digits,
                "-" + digits, "0." + digits, "1." + String(repeating: "0", count: 40), "\"\"", "null", "100.00",
                "-0.10",
                "12\u{e9}", "1 2",
            ])
    }

    private func time(_ mutator: inout Mutator) -> String {
        choose(
            &mutator,
            [
                "1767225600000", "\"1767225600000\"", "\"2026-01-01T00:00:00Z\"", "\"2026-01-01 00:00:00.5+02:00\"",
                "1767225600",
                "1767225600000000", "1767225600000.5", "946684800000", "946684799999", "-1", "\"01767225600000\"",
                "\"x\"",
                "1798859045000", "1798859045001", "null", "\"\"",
            ])
    }

    private func dimensions(_ mutator: inout Mutator) -> String {
        let names = ["b", "a", "region", "é", "a b", "", "ab", "\u{e9}a"]
        let values = [
            "\"x\"", "1", "true", "false", "null", "\"\"", "-1.5e3", "\"é\"", "{}", "\"a\\nb\"", "2.0", "truely",
        ]
        var members: [String] = []
        for _ in 0..<mutator.number(below: mutator.number(below: 20) == 0 ? 24 : 5) {
            let name = members.count > 4 ? "n\(members.count)" : choose(&mutator, names)
            members.append("\"\(name)\"\(choose(&mutator, [":", ": "]))\(choose(&mutator, values))")
        }
        return "{" + members.joined(separator: choose(&mutator, [",", ", "])) + "}"
    }
}
