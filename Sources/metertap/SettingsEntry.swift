import ArgumentParser
import Delivery
import Yams

/// One element of a list in a settings file: a connection or a stream, with its members.
struct SettingsEntry<Member: RawRepresentable<String> & CaseIterable & Hashable> {
    private let file: String
    /// What it is called as long as it has no name: `connection 1`.
    private let title: String
    private let members: [Member: Node]

    /// The elements of a list; none when the file has no such list.
    ///
    /// - Parameter word: what an element is called.
    /// - Throws: `Failure` for the first that makes no sense.
    static func all(of section: SettingsFile.Section, called word: String, in file: SettingsFile) throws -> [Self] {
        guard let node = file.sections[section] else { return [] }
        guard let elements = node.sequence else {
            throw Failure(message: "\(file.path): \(section.rawValue) must be a list", code: .configuration)
        }
        return try elements.enumerated().map {
            try Self($0.element, title: "\(word) \($0.offset + 1)", file: file.path)
        }
    }

    private init(_ node: Node, title: String, file: String) throws {
        (self.file, self.title) = (file, title)
        var members: [Member: Node] = [:]
        guard let mapping = node.mapping else { throw Self.failure("\(title) must have members", file) }
        for (key, value) in mapping {
            guard let member = Member(rawValue: key.string ?? "") else {
                let known = Member.allCases.map(\.rawValue).joined(separator: ", ")
                let name = Table.printable(key.string ?? "a member")
                throw Self.failure("\(title): \(name) is no member; these are: \(known)", file)
            }
            members[member] = value
        }
        self.members = members
    }

    /// A member that is one value; nil when it is empty or not there.
    func text(_ member: Member) throws -> String? {
        guard let node = members[member] else { return nil }
        guard let text = node.scalar?.string else { throw failure(": \(member.rawValue) must be one value") }
        if let problem = SettingError.problem(of: text) { throw failure(": \(member.rawValue) \(problem)") }
        return text.isEmpty ? nil : text
    }

    /// A member that is one value or a list of them.
    func texts(_ member: Member) throws -> [String]? {
        guard let texts = members[member]?.sequence?.map(\.scalar?.string) else { return try text(member).map { [$0] } }
        guard texts.allSatisfy({ $0?.isEmpty == false }) else {
            throw failure(": \(member.rawValue) must be a list of values")
        }
        for text in texts {
            if let problem = text.flatMap(SettingError.problem(of:)) {
                throw failure(": \(member.rawValue) \(problem)")
            }
        }
        return texts.compactMap { $0 }
    }

    /// A member that is the ARN of a role.
    func role(_ member: Member) throws -> String? { try text(member, SettingRules.role) }

    /// A member that is an external id.
    func externalID(_ member: Member) throws -> String? { try text(member, SettingRules.externalID) }

    /// A member that is a region.
    func region(_ member: Member) throws -> String? { try text(member, SettingRules.region) }

    private func text(_ member: Member, _ rule: (String) -> String?) throws -> String? {
        let text = try text(member)
        if let problem = text.flatMap(rule) { throw failure(": \(member.rawValue) \(problem)") }
        return text
    }

    /// What is wrong with it, as the end of a sentence that begins with it.
    func failure(_ problem: String) -> Failure { Self.failure(title + problem, file) }

    private static func failure(_ problem: String, _ file: String) -> Failure {
        Failure(message: "\(file): \(problem)", code: .configuration)
    }
}
