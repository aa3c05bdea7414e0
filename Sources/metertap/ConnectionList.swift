import ArgumentParser
import Collection
import MeterLine
import Yams

/// The `connections` of a settings file.
struct ConnectionList {
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

    private let file: String

    /// Reads the connections of a file; none when it has no such list.
    ///
    /// - Throws: `Failure` for the first that makes no sense.
    static func read(_ file: SettingsFile) throws -> [Connection] {
        guard let node = file.sections[.connections] else { return [] }
        let list = Self(file: file.path)
        guard let elements = node.sequence else { throw list.failure("connections must be a list") }
        let connections = try elements.enumerated().map { try list.connection($0.element, number: $0.offset + 1) }
        var names: Set<[UInt8]> = []
        for connection in connections where !names.insert(Array(connection.name.utf8)).inserted {
            throw list.failure("two connections are named \(connection.name); what was read is remembered by the name")
        }
        return connections
    }

    private func connection(_ node: Node, number: Int) throws -> Connection {
        guard let mapping = node.mapping else { throw failure("connection \(number) must have members") }
        var members: [Member: Node] = [:]
        for (key, value) in mapping {
            guard let member = Member(rawValue: key.string ?? "") else {
                let known = Member.allCases.map(\.rawValue).joined(separator: ", ")
                throw failure(
                    "connection \(number): \(Table.printable(key.string ?? "a member")) is no member; these are: \(known)"
                )
            }
            members[member] = value
        }
        guard let name = try text(members, .name, number) else {
            throw failure("connection \(number) has no name, by which what was read is remembered")
        }
        let groups = try texts(members, .logGroups, number)
        guard let groups, !groups.isEmpty else {
            throw failure("the connection \(name) names no log-groups; write log-groups: [/app/shop, /aws/lambda/*]")
        }
        let account = try text(members, .account, number)
        if let account, account.utf8.count != 12 || !account.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            throw failure("the account of the connection \(name) must be 12 digits, in quotation marks")
        }
        return Connection(
            name: name, account: account, region: try text(members, .region, number),
            roleARN: try text(members, .roleARN, number), externalID: try text(members, .externalID, number),
            logGroups: groups.map(LogGroupPattern.init), tags: try texts(members, .tags, number),
            start: try text(members, .start, number).map { try start($0, name) } ?? .now)
    }

    private func start(_ text: String, _ name: String) throws -> Connection.Start {
        guard text != "now" else { return .now }
        guard let time = try? CommandTime.parse(text, "start") else {
            throw failure(
                "the start of the connection \(name) must be now, 2026-10-31T12:00:00Z, or 2h for two hours ago")
        }
        return .at(time)
    }

    private func text(_ members: [Member: Node], _ member: Member, _ number: Int) throws -> String? {
        guard let node = members[member] else { return nil }
        guard let text = node.scalar?.string else {
            throw failure("connection \(number): \(member.rawValue) must be one value")
        }
        return text.isEmpty ? nil : text
    }

    /// One value or a list of them.
    private func texts(_ members: [Member: Node], _ member: Member, _ number: Int) throws -> [String]? {
        guard let node = members[member] else { return nil }
        guard let texts = node.sequence?.map(\.scalar?.string) else {
            return try text(members, member, number).map { [$0] }
        }
        guard texts.allSatisfy({ $0?.isEmpty == false }) else {
            throw failure("connection \(number): \(member.rawValue) must be a list of values")
        }
        return texts.compactMap { $0 }
    }

    private func failure(_ problem: String) -> Failure {
        Failure(message: "\(file): \(problem)", code: .configuration)
    }
}
