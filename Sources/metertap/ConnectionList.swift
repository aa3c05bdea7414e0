import AWS
import ArgumentParser
import Collection
import MeterLine

/// The `connections` of a settings file.
enum ConnectionList {
    /// A member of a connection.
    private enum Member: String, CaseIterable {
        case name
        case account
        case region
        case roleARN = "role-arn"
        case externalID = "external-id"
        case logGroups = "log-groups"
        case tags
        case start
    }

    /// Reads the connections of a file; none when it has no such list.
    ///
    /// - Throws: `Failure` for the first that makes no sense.
    static func read(_ file: SettingsFile) throws -> [Connection] {
        let entries = try SettingsEntry<Member>.all(of: .connections, called: "connection", in: file)
        var names: Set<[UInt8]> = []
        return try entries.map { entry in
            let connection = try connection(entry)
            guard names.insert(Array(connection.name.utf8)).inserted else {
                throw entry.failure(
                    " is the second of two connections that are named \(Table.printable(connection.name)); what was read "
                        + "is remembered by the name")
            }
            return connection
        }
    }

    private static func connection(_ entry: SettingsEntry<Member>) throws -> Connection {
        guard let name = try entry.text(.name) else {
            throw entry.failure(" has no name, by which what was read is remembered")
        }
        guard let groups = try entry.texts(.logGroups), !groups.isEmpty else {
            throw entry.failure(" names no log-groups; write log-groups: [/app/shop, /aws/lambda/*]")
        }
        let account = try entry.text(.account)
        if let account, !ARN.isAccount(account) {
            throw entry.failure(": account must be 12 digits, in quotation marks")
        }
        return Connection(
            name: name, account: account, region: try entry.region(.region), roleARN: try entry.role(.roleARN),
            externalID: try entry.externalID(.externalID),
            logGroups: groups.map { LogGroupPattern(CloudWatchLogsClient.LogGroup.name(of: $0)) },
            tags: try entry.texts(.tags), start: try start(entry))
    }

    private static func start(_ entry: SettingsEntry<Member>) throws -> Connection.Start {
        guard let text = try entry.text(.start), text != "now" else { return .now }
        guard let time = try? CommandTime.parse(text, "start") else {
            throw entry.failure(": start must be now, 2026-10-31T12:00:00Z, or 2h for two hours ago")
        }
        return .at(time)
    }
}
