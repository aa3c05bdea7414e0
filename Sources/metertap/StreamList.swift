import ArgumentParser
import Collection
import Delivery
import MeterLine

/// The `streams` of a settings file: the Kinesis streams that `metertap collect` reads.
enum StreamList {
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

    /// Reads the streams of a file; none when it has no such list.
    ///
    /// - Parameter state: the directory below which leases are kept where a stream names no other place.
    /// - Throws: `Failure` or `SettingError` for the first that makes no sense.
    static func read(_ file: SettingsFile, state: String) throws -> [StreamSettings] {
        let entries = try SettingsEntry<Member>.all(of: .streams, called: "stream", in: file)
        var names: Set<[UInt8]> = []
        return try entries.map { entry in
            let stream = try stream(entry, state: state)
            guard names.insert(Array(stream.name.utf8)).inserted else {
                throw entry.failure(
                    " is the second of two streams that are named \(Table.printable(stream.name)); give them names that "
                        + "differ")
            }
            return stream
        }
    }

    private static func stream(_ entry: SettingsEntry<Member>, state: String) throws -> StreamSettings {
        guard let stream = try entry.text(.stream) else {
            throw entry.failure(" has no stream; set it to the name or the ARN of a Kinesis stream")
        }
        let name = try entry.text(.name) ?? stream
        let seconds = try entry.text(.leaseSeconds).map { text in
            guard let seconds = Int(text) else { throw entry.failure(": lease-seconds is no number") }
            return seconds
        }
        return try StreamSettings(
            name: name, stream: stream, region: try entry.region(.region), roleARN: try entry.role(.roleARN),
            externalID: try entry.externalID(.externalID), start: try start(entry),
            leases: try entry.text(.leases).map { try Location($0, setting: "leases of the stream \(name)") }
                ?? .directory("\(state)/streams"),
            leaseSeconds: seconds ?? StreamSettings.standardLeaseSeconds)
    }

    private static func start(_ entry: SettingsEntry<Member>) throws -> StreamSettings.Start {
        switch try entry.text(.start) {
        case nil, "trim-horizon": return .trimHorizon
        case "latest": return .latest
        case let text?:
            guard let time = try? CommandTime.parse(text, "start") else {
                throw entry.failure(
                    ": start must be trim-horizon, latest, 2026-10-31T12:00:00Z, or 2h for two hours ago")
            }
            return .time(time)
        }
    }
}
