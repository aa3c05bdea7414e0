import FilterPattern
import Hummingbird
import Meter
import MeterLine
import Platform
import Store

/// From nothing to the first event.
struct StartScreen: Sendable {
    /// A line that somebody tries is as long at most as a log event.
    private static let maximumLineBytes = 256 << 10

    let parts: PlatformParts
    let pages: Pages

    var screens: [Screen] {
        [
            Screen(.get, "/start", .read) { try await show($0) },
            Screen(.post, "/start/key", .admin, createKey),
            Screen(.post, "/start/try", .read, tryLine),
            Screen(.get, "/start/first-event", .read, firstEvent),
        ]
    }

    /// The names that the commands are filled in with.
    private struct Names {
        let account: String
        let region: String
        let bucket: String
        let prefix: String
        let stream: String
        let function: String
        let logGroup: String
        private let given: [(String, String?)]

        init(_ reader: QueryReader, bucket ours: String?) {
            let own = ours.flatMap { $0.hasPrefix("s3://") ? $0.dropFirst(5) : nil } ?? ""
            let parts = own.split(separator: "/", maxSplits: 1)
            func name(_ field: String, _ standard: String) -> String {
                // Shell words and ARNs: anything else could not be a name on AWS, and could end a quotation.
                let given = (reader.text(field) ?? "").filter { character in
                    character.isASCII && (character.isLetter || character.isNumber || "-_./#".contains(character))
                }
                return given.isEmpty ? standard : given
            }
            account = name("account", "123456789012")
            region = name("region", "eu-central-1")
            bucket = name("bucket", parts.first.map(String.init) ?? "example-meters")
            let path = name("prefix", parts.count > 1 ? String(parts[1]) : "team")
            prefix = path.hasSuffix("/") ? path : path + "/"
            stream = name("stream", "metertap")
            function = name("function", "metertap-agent")
            logGroup = name("logGroup", "/app/api")
            given = ["account", "region", "bucket", "prefix", "stream", "function", "logGroup"].map {
                ($0, reader.text($0))
            }
        }

        /// An address that keeps the names.
        func link(_ path: String) -> Link { Link(path, given) }
    }

    private struct Language {
        let name: String
        let code: String
        let isOpen: Bool
    }

    private struct Content {
        let names: Names
        let ingest: String
        let bucket: String?
        let tryPath: String
        let keyPath: String
        let languages: [Language]
        let filter: String
        let secret: String?
        let isAdmin: Bool
        let now: Int64
        let hasEvents: Bool
        let received: String
        let newest: EventRow?
        let line: String
        let tried: String?
    }

    private func show(_ visit: Visit, secret: String? = nil, line: String? = nil, tried: String? = nil) async throws
        -> Response
    {
        let pipeline = try await parts.store.pipeline()
        var query = EventQuery()
        query.limit = 1
        let newest = try await parts.store.events(query).events.first
        let names = Names(visit.query, bucket: parts.bucket)
        let content = Content(
            names: names, ingest: "\(visit.address(parts.settings))/ingest", bucket: parts.bucket.map(Show.text),
            tryPath: names.link("/start/try").text + "#try", keyPath: names.link("/start/key").text + "#key",
            languages: Self.languages,
            filter: FilterPattern.text(ofAny: LineReader.defaultTags), secret: secret,
            isAdmin: visit.isAdmin, now: parts.now(), hasEvents: newest != nil,
            received: Show.count(pipeline.received), newest: newest.map { EventRow($0) },
            line: line
                ?? "INFO request done amberflo_meter: {\"customerId\":\"acme\",\"meterApiName\":\"ApiCalls\",\"meterValue\":1} took 3 ms",
            tried: tried)
        return try pages.show(
            Page(title: "Get started", section: .start, template: "start", content: content), to: visit)
    }

    private static let languages: [Language] = [
        Language(name: "Python", code: text(PackageResources.python_txt), isOpen: true),
        Language(name: "Node", code: text(PackageResources.javascript_txt), isOpen: false),
        Language(name: "Java", code: text(PackageResources.java_txt), isOpen: false),
        Language(name: "Go", code: text(PackageResources.go_txt), isOpen: false),
        Language(name: "Swift", code: text(PackageResources.swift_txt), isOpen: false),
    ]

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private func createKey(_ visit: Visit) async throws -> Response {
        let (_, secret) = try await parts.keys.create(
            name: "first ingest key", rights: [Right.ingest.rawValue], who: visit.session.who)
        return try await show(visit, secret: secret)
    }

    /// Turns green when the first event has come; the page asks again and again, and works by reloading too.
    private func firstEvent(_ visit: Visit) async throws -> Response {
        let newest = try await parts.store.newestEvent()
        return .text("\(newest)")
    }

    // MARK: - What would Metertap make of this line?

    private struct Tried {
        struct Part {
            let text: String
            let style: String
            let name: String?
        }

        struct Found {
            let isRecord: Bool
            let title: String
            let detail: String
        }

        let parts: [Part]
        let found: [Found]
        let mentions: Int
        let hasMentions: Bool
        let isNothing: Bool
        let ignored: [String]
        let hasIgnored: Bool
    }

    private func tryLine(_ visit: Visit) async throws -> Response {
        let line = try await visit.form().text("line") ?? ""
        guard line.utf8.count <= Self.maximumLineBytes else {
            throw APIError(.contentTooLarge, "The line is longer than \(Self.maximumLineBytes >> 10) KiB.")
        }
        let tried = try Self.tried(line, now: parts.now())
        return try await show(visit, line: line, tried: try pages.fragment("tried", tried))
    }

    private static func tried(_ line: String, now: Int64) throws -> Tried {
        let reader = try LineReader()
        let bytes = Array(line.utf8)
        let origin = EventOrigin(
            account: "123456789012", logGroup: "/try/this", logStream: "console", eventId: "0", timestamp: now)
        var accounting = Accounting()
        let findings = reader.read(bytes.span, of: origin, accounting: &accounting)
        return Tried(
            parts: parts(bytes, reader.places(in: bytes.span)), found: findings.map(found),
            mentions: accounting.mentions, hasMentions: accounting.mentions > 0,
            isNothing: findings.isEmpty && accounting.mentions == 0,
            ignored: accounting.ignoredKeys.keys.sorted().map { Show.name($0) },
            hasIgnored: !accounting.ignoredKeys.isEmpty)
    }

    private static func found(_ finding: Finding) -> Tried.Found {
        switch finding {
        case .record(let found):
            let record = found.record
            var detail = "\(Show.number(record.meterValue.text)) of \(Show.name(record.meterApiName)) for "
            detail +=
                (record.customerId.map { Show.name($0) } ?? "no customer") + " at "
                + Time(record.meterTimeInMillis).text
            if found.timeDerived { detail += ", the time of the log event" }
            if !record.dimensions.isEmpty {
                let dimensions = record.dimensions.map { "\(Show.name($0.name)) = \(Show.name($0.value))" }
                detail += "; " + dimensions.joined(separator: ", ")
            }
            return .init(isRecord: true, title: "Record", detail: detail)
        case .reject(let reject):
            return .init(
                isRecord: false, title: "Reject: \(reject.reason.rawValue)", detail: Show.sentence(reject.detail))
        }
    }

    /// The line in pieces: tags, their values, and what is around them.
    private static func parts(_ line: [UInt8], _ places: [LinePlace]) -> [Tried.Part] {
        var parts: [Tried.Part] = []
        var end = 0
        func add(_ range: Range<Int>, _ style: String, _ name: String? = nil) {
            guard !range.isEmpty else { return }
            let text = Show.text(String(decoding: line[range], as: UTF8.self))
            parts.append(.init(text: text, style: style, name: name))
        }
        for (index, place) in places.enumerated() {
            let next = index + 1 < places.count ? places[index + 1].tag.lowerBound : line.count
            add(end..<place.tag.lowerBound, "around")
            add(place.tag, "tag", "tag")
            switch place.kind {
            case .mention: end = place.tag.upperBound
            case .value:
                add(place.tag.upperBound..<place.end, "value", "value")
                end = place.end
            case .unreadable:
                add(place.tag.upperBound..<next, "fault", "not readable")
                end = next
            }
        }
        add(end..<line.count, "around")
        return parts
    }
}
