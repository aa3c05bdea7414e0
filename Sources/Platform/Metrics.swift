import Store
import Synchronization

/// What the server counts of its requests, as Prometheus reads it.
///
/// Labels are routes, never paths: a path may hold a customer's name.
final class Metrics: Sendable {
    private struct Label: Hashable {
        var method: String
        var route: String
        var status: Int
    }

    private struct Count {
        var requests = 0
        var seconds = 0.0
    }

    private let counts = Mutex<[Label: Count]>([:])

    func count(method: String, route: String, status: Int, duration: Duration) {
        counts.withLock { counts in
            let label = Label(method: method, route: route, status: status)
            counts[label, default: Count()].requests += 1
            counts[label, default: Count()].seconds += duration / .seconds(1)
        }
    }

    /// The text that `GET /metrics` answers.
    func text(_ pipeline: Pipeline, newestEvent: Int64) -> String {
        var text = MetricsText()
        let classes = [
            ("counted", pipeline.counted), ("duplicate", pipeline.duplicate), ("cancelled", pipeline.cancelled),
            ("undefined", pipeline.undefined), ("rejected", pipeline.rejected),
        ]
        text.family("metertap_received_records", "gauge", "Everything that came in.")
        text.sample("metertap_received_records", [], "\(pipeline.received)")
        text.family("metertap_records", "gauge", "What became of it; the classes add up to metertap_received_records.")
        for (name, count) in classes { text.sample("metertap_records", [("class", name)], "\(count)") }
        text.family("metertap_newest_event_number", "gauge", "The number of the newest record.")
        text.sample("metertap_newest_event_number", [], "\(newestEvent)")
        text.family("metertap_source_received_records", "counter", "What came in, by its way in.")
        for source in pipeline.sources {
            text.sample(
                "metertap_source_received_records",
                [("kind", source.intake.kind.rawValue), ("name", source.intake.name)], "\(source.received)")
        }
        let counts = counts.withLock { $0 }.sorted {
            ($0.key.route, $0.key.method, $0.key.status) < ($1.key.route, $1.key.method, $1.key.status)
        }
        text.family("metertap_http_requests_total", "counter", "Requests, by route and status.")
        for (label, count) in counts { text.sample("metertap_http_requests_total", labels(label), "\(count.requests)") }
        text.family("metertap_http_request_seconds_total", "counter", "How long the requests took together.")
        for (label, count) in counts {
            text.sample("metertap_http_request_seconds_total", labels(label), "\(count.seconds)")
        }
        return text.text
    }

    private func labels(_ label: Label) -> [(String, String)] {
        [("method", label.method), ("route", label.route), ("status", "\(label.status)")]
    }
}

/// Writes the text format of Prometheus (version 0.0.4).
struct MetricsText {
    private(set) var text = ""

    mutating func family(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    mutating func sample(_ name: String, _ labels: [(String, String)], _ value: String) {
        let list = labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
        text += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(list)} \(value)\n"
    }

    private static func escaped(_ value: String) -> String {
        var escaped = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
