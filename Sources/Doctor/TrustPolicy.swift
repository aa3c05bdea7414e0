import FoundationEssentials

/// Who may take on a role: the part of a trust policy that bears on CloudWatch Logs.
///
/// Conditions on `aws:SourceArn` and `aws:SourceAccount` are looked at, as AWS's page on confused deputies gives them:
/// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Subscriptions-confused-deputy.html. Others are taken to hold.
struct TrustPolicy: Sendable {
    /// What it says to CloudWatch Logs.
    enum Verdict: Sendable, Hashable {
        /// It may take on the role.
        case allowed
        /// It is not named.
        case notNamed
        /// It is named, but for other log groups; the values that the conditions ask for.
        case otherSource([String])
        /// It is turned away in so many words.
        case denied
    }

    private let statements: [Statement]

    /// Reads a policy; nil when it is none.
    init?(json: String) {
        struct Document: Decodable {
            var statements: OneOrMore<Statement>

            enum CodingKeys: String, CodingKey { case statements = "Statement" }
        }
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(json.utf8)) else { return nil }
        statements = document.statements.values
    }

    /// What it says to CloudWatch Logs that writes for a log group.
    ///
    /// - Parameter logGroupARN: with or without `:*` at its end.
    func verdict(region: String, account: String, logGroupARN: String) -> Verdict {
        let named = statements.filter { $0.isAboutAssuming && $0.names(region: region) }
        var wanted: [String] = []
        for statement in named {
            let unmet = statement.unmetSources(account: account, logGroupARN: logGroupARN)
            if statement.effect == "Deny", unmet.isEmpty { return .denied }
            wanted += unmet
        }
        let allowing = named.filter { $0.effect == "Allow" }
        if allowing.isEmpty { return .notNamed }
        let isAllowed = allowing.contains { $0.unmetSources(account: account, logGroupARN: logGroupARN).isEmpty }
        return isAllowed ? .allowed : .otherSource(wanted)
    }

    private struct Statement: Decodable {
        /// `*`, or kinds of principals with their names.
        enum Principal: Decodable {
            case everybody
            case named([String: OneOrMore<String>])

            init(from decoder: any Decoder) throws {
                if (try? decoder.singleValueContainer().decode(String.self)) == "*" {
                    self = .everybody
                } else {
                    self = .named(try decoder.singleValueContainer().decode([String: OneOrMore<String>].self))
                }
            }
        }

        var effect: String
        var principal: Principal?
        var action: OneOrMore<String>?
        var condition: [String: [String: OneOrMore<String>]]?

        enum CodingKeys: String, CodingKey {
            case effect = "Effect"
            case principal = "Principal"
            case action = "Action"
            case condition = "Condition"
        }

        var isAboutAssuming: Bool {
            action?.values.contains { Glob.matches($0.lowercased(), "sts:assumerole") } ?? false
        }

        /// Both names of the service are in use: AWS's examples have `logs.amazonaws.com`, older ones the region's.
        func names(region: String) -> Bool {
            guard case .named(let principals) = principal else { return principal != nil }
            let own = ["logs.amazonaws.com", "logs.\(region).amazonaws.com", "logs.\(region).amazonaws.com.cn"]
            return principals["Service"]?.values.contains { own.contains($0) } ?? false
        }

        /// The values of conditions on the source that do not hold.
        func unmetSources(account: String, logGroupARN: String) -> [String] {
            let bare = logGroupARN.hasSuffix(":*") ? String(logGroupARN.dropLast(2)) : logGroupARN
            return (condition ?? [:]).filter { Self.comparisons.contains($0.key) }.values.flatMap { tests in
                tests.flatMap { key, wanted -> [String] in
                    let actual =
                        switch key.lowercased() {
                        case "aws:sourcearn": [bare, bare + ":*"]
                        case "aws:sourceaccount": [account]
                        default: [String]()
                        }
                    if actual.isEmpty { return [] }
                    let isMet = wanted.values.contains { pattern in actual.contains { Glob.matches(pattern, $0) } }
                    return isMet ? [] : wanted.values
                }
            }
        }

        private static let comparisons = Set(
            ["StringEquals", "StringLike", "ArnEquals", "ArnLike"].flatMap { [$0, $0 + "IfExists"] })
    }
}

/// What policies write as one value or as a list.
private struct OneOrMore<Element: Decodable & Sendable>: Decodable, Sendable {
    let values: [Element]

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let one = try? container.decode(Element.self) {
            values = [one]
        } else {
            values = try container.decode([Element].self)
        }
    }
}

/// The wildcards of IAM: `*` for anything, `?` for one character.
enum Glob {
    static func matches(_ pattern: String, _ text: String) -> Bool {
        matches(Array(pattern.utf8)[...], Array(text.utf8)[...])
    }

    private static func matches(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        var (pattern, text) = (pattern, text)
        // Where to go on after the last asterisk, with one character more for it.
        var retry: (pattern: ArraySlice<UInt8>, text: ArraySlice<UInt8>)?
        while true {
            if let first = pattern.first, first == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                retry = (pattern, text)
            } else if let first = pattern.first, let next = text.first,
                first == UInt8(ascii: "?") || first == next
            {
                (pattern, text) = (pattern.dropFirst(), text.dropFirst())
            } else if pattern.isEmpty, text.isEmpty {
                return true
            } else if let last = retry, !last.text.isEmpty {
                retry = (last.pattern, last.text.dropFirst())
                (pattern, text) = (last.pattern, last.text.dropFirst())
            } else {
                return false
            }
        }
    }
}
