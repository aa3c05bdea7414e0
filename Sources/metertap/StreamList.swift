import ArgumentParser
import Collection
import Delivery
import MeterLine
import Yams

/// The `streams` of a settings file: the Kinesis streams that `metertap collect` reads.
struct StreamList {
    /// A member of a stream.
    private enum Member: String, CaseIterable {
        case name
        case stream
        case region
        case roleARN = "role-arn"
        case externalID = "external-id"
        case start
        case leases
        case leaseSeconds = "lease-seconds"
    }

    private let file: String
    private let state: String

    /// Reads the streams of a file; none when it has no such list.
    ///
    /// - Parameter state: the directory below which leases are kept where a stream names no other place.
    /// - Throws: `Failure` or `SettingError` for the first that makes no sense.
    static func read(_ file: SettingsFile, state: String) throws -> [StreamSettings] {
        guard let node = file.sections[.streams] else { return [] }
        let list = Self(file: file.path, state: state)
        guard let elements = node.sequence else { throw list.failure("streams must be a list") }
        let streams = try elements.enumerated().map { try list.stream($0.element, number: $0.offset + 1) }
        var names: Set<[UInt8]> = []
        for stream in streams where !names.insert(Array(stream.name.utf8)).inserted {
            throw list.failure("two streams are named \(Table.printable(stream.name)); give them names that differ")
        }
        return streams
    }

    private func stream(_ node: Node, number: Int) throws -> StreamSettings {
        guard let mapping = node.mapping else { throw failure("stream \(number) must have members") }
        var values: [Member: String] = [:]
        for (key, value) in mapping {
            guard let member = Member(rawValue: key.string ?? "") else {
                let known = Member.allCases.map(\.rawValue).joined(separator: ", ")
                throw failure(
                    "stream \(number): \(Table.printable(key.string ?? "a member")) is no member; these are: \(known)")
            }
            guard let text = value.scalar?.string else {
                throw failure("stream \(number): \(member.rawValue) must be one value")
            }
            if !text.isEmpty { values[member] = text }
        }
        guard let stream = values[.stream] else {
            throw failure("stream \(number) has no stream; set it to the name or the ARN of a Kinesis stream")
        }
        let name = values[.name] ?? stream
        let seconds = try values[.leaseSeconds].map { text in
            guard let seconds = Int(text) else { throw failure("lease-seconds of the stream \(name) is no number") }
            return seconds
        }
        return try StreamSettings(
            name: name, stream: stream, region: values[.region], roleARN: values[.roleARN],
            externalID: values[.externalID], start: try start(values[.start], name),
            leases: try values[.leases].map { try Location($0, setting: "leases of the stream \(name)") }
                ?? .directory("\(state)/streams"),
            leaseSeconds: seconds ?? StreamSettings.standardLeaseSeconds)
    }

    private func start(_ text: String?, _ name: String) throws -> StreamSettings.Start {
        switch text {
        case nil, "trim-horizon": return .trimHorizon
        case "latest": return .latest
        case let text?:
            guard let time = try? CommandTime.parse(text, "start") else {
                throw failure(
                    "the start of the stream \(name) must be trim-horizon, latest, 2026-10-31T12:00:00Z, or 2h for two "
                        + "hours ago")
            }
            return .time(time)
        }
    }

    private func failure(_ problem: String) -> Failure {
        Failure(message: "\(file): \(problem)", code: .configuration)
    }
}
