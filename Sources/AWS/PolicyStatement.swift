import FoundationEssentials

/// A statement of a resource's or a role's policy, as far as it tells which services may do what.
///
/// What is not read here, such as `NotAction`, makes a statement that gives nothing.
///
/// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
public struct PolicyStatement: Sendable, Hashable {
    /// The statement's name in its policy.
    public var name: String?
    /// Whether it allows; otherwise it denies.
    public var allows: Bool
    /// The services that it is about, for example `logs.amazonaws.com`.
    public var services: [String]
    /// Whether it is about everybody, which is not said to be meant for services.
    public var isForEverybody: Bool
    /// The actions that it is about, perhaps with wildcards.
    public var actions: [String]
    /// What must hold besides: operator, key in small letters, values.
    public var conditions: [String: [String: [String]]]

    /// The statements of a policy document; nil for what is no policy.
    public static func read(_ document: String) -> [PolicyStatement]? {
        try? JSONDecoder().decode(Policy.self, from: Data(document.utf8)).statements.values
    }

    /// Whether it lets CloudWatch Logs call a function for all log groups that a permission is for.
    ///
    /// A condition that is not understood counts as one that does not hold.
    public func gives(_ permission: LambdaClient.Permission) -> Bool {
        allows && services.contains("logs.amazonaws.com") && isAbout("lambda:invokefunction")
            && conditions.allSatisfy { condition, keys in
                keys.allSatisfy { key, values in values.contains { Self.holds(condition, key, $0, permission) } }
            }
    }

    /// Whether it is about an action; in small letters.
    package func isAbout(_ action: String) -> Bool { actions.contains { Self.covers($0.lowercased(), action) } }

    /// The values that conditions ask for and that the caller does not have; none where all of them hold.
    ///
    /// A condition that is not understood counts as one that holds, so that a policy is not blamed for what nobody read.
    ///
    /// - Parameter caller: the keys that are known, in small letters, each with the values that it may have.
    package func unmet(by caller: [String: [String]]) -> [String] {
        conditions.flatMap { condition, keys -> [String] in
            let comparison = condition.hasSuffix("IfExists") ? String(condition.dropLast(8)) : condition
            guard ["StringEquals", "StringLike", "ArnEquals", "ArnLike"].contains(comparison) else { return [] }
            return keys.flatMap { key, wanted -> [String] in
                guard let values = caller[key] else { return [] }
                let isMet = wanted.contains { pattern in
                    values.contains { comparison == "StringEquals" ? pattern == $0 : Self.covers(pattern, $0) }
                }
                return isMet ? [] : wanted
            }
        }
    }

    private static func holds(
        _ condition: String, _ key: String, _ value: String, _ permission: LambdaClient.Permission
    ) -> Bool {
        let wanted =
            switch key {
            case "aws:sourceaccount": permission.sourceAccount
            case "aws:sourcearn": permission.sourceArn
            default: ""
            }
        return switch condition {
        case "StringEquals": value == wanted
        case "StringLike", "ArnLike", "ArnEquals": covers(value, wanted)
        default: false
        }
    }

    /// Whether a pattern takes all that another one takes: the asterisks of that one are only taken by asterisks.
    private static func covers(_ pattern: String, _ other: String) -> Bool {
        let (pattern, other) = (Array(pattern.utf8), Array(other.utf8))
        let (anything, one) = (UInt8(ascii: "*"), UInt8(ascii: "?"))
        var (place, at) = (0, 0)
        var retry: (place: Int, at: Int)?
        while at < other.count {
            if place < pattern.count, pattern[place] == anything {
                retry = (place + 1, at)
                place += 1
            } else if place < pattern.count,
                pattern[place] == other[at] || pattern[place] == one && other[at] != anything
            {
                (place, at) = (place + 1, at + 1)
            } else if let last = retry {
                retry = (last.place, last.at + 1)
                (place, at) = (last.place, last.at + 1)
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == anything }
    }
}

// MARK: - JSON

/// Where a policy may hold one thing or a list of them.
private struct OneOrMany<Element: Decodable>: Decodable {
    var values: [Element]

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let one = try? container.decode(Element.self) {
            values = [one]
        } else {
            values = try container.decode([Element].self)
        }
    }
}

private struct Policy: Decodable {
    var statements: OneOrMany<PolicyStatement>

    enum CodingKeys: String, CodingKey { case statements = "Statement" }
}

extension PolicyStatement: Decodable {
    private enum CodingKeys: String, CodingKey {
        case name = "Sid"
        case effect = "Effect"
        case principal = "Principal"
        case actions = "Action"
        case conditions = "Condition"
    }

    private struct Principal: Decodable {
        var services: OneOrMany<String>?

        enum CodingKeys: String, CodingKey { case services = "Service" }
    }

    /// Reads a statement as it stands in a policy.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = try container.decodeIfPresent(String.self, forKey: .name)
        allows = try container.decodeIfPresent(String.self, forKey: .effect) == "Allow"
        isForEverybody = (try? container.decodeIfPresent(String.self, forKey: .principal)) == "*"
        services = (try? container.decodeIfPresent(Principal.self, forKey: .principal))?.services?.values ?? []
        actions = try container.decodeIfPresent(OneOrMany<String>.self, forKey: .actions)?.values ?? []
        let read = try container.decodeIfPresent([String: [String: OneOrMany<String>]].self, forKey: .conditions) ?? [:]
        conditions = read.mapValues { keys in
            Dictionary(keys.map { ($0.lowercased(), $1.values) }, uniquingKeysWith: { $0 + $1 })
        }
    }
}
