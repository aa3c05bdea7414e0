import AWS
import FoundationEssentials

/// What a function's policy says of calls by CloudWatch Logs.
///
/// It reads what `lambda:AddPermission` writes, and what is like it; of a condition that it does not know it believes that
/// it holds, so that a policy is not blamed for what nobody understood.
///
/// https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
struct InvokePermissions {
    private var statements: [Statement] = []

    /// Reads a policy; nil is none.
    init(_ policy: String?) {
        struct Document: Decodable {
            var statements: OneOrMany<Statement>

            enum CodingKeys: String, CodingKey { case statements = "Statement" }
        }
        guard let policy else { return }
        statements = (try? JSONDecoder().decode(Document.self, from: Data(policy.utf8)))?.statements.values ?? []
    }

    /// Whether CloudWatch Logs may call for a log group.
    func allow(logGroup: CloudWatchLogsClient.LogGroup) -> Bool {
        let source = logGroup.arn.hasSuffix(":*") ? logGroup.arn : "\(logGroup.arn):*"
        let applying = statements.filter { $0.applies(source: source, account: logGroup.account) }
        return applying.contains { $0.effect == "Allow" } && !applying.contains { $0.effect == "Deny" }
    }

    private struct Statement: Decodable {
        var effect: String
        var actions: OneOrMany<String>?
        var principal: Principal?
        var conditions: [String: [String: OneOrMany<String>]]?

        enum CodingKeys: String, CodingKey {
            case effect = "Effect"
            case actions = "Action"
            case principal = "Principal"
            case conditions = "Condition"
        }

        func applies(source: String, account: String) -> Bool {
            guard (actions?.values ?? []).contains(where: { "lambda:invokefunction".matches($0.lowercased()) }),
                principal?.services.contains(where: Self.isLogs) ?? false
            else { return false }
            return (conditions ?? [:]).allSatisfy { operation, keys in
                keys.allSatisfy { key, values in
                    let value: String? =
                        switch key.lowercased() {
                        case "aws:sourcearn": source
                        case "aws:sourceaccount": account
                        default: nil
                        }
                    guard let value, !operation.contains("Not") else { return true }
                    let isPattern = operation.contains("Like") || operation.hasPrefix("Arn")
                    return values.values.contains { isPattern ? value.matches($0) : value == $0 }
                }
            }
        }

        /// `logs.amazonaws.com`, or with a region in it.
        private static func isLogs(_ service: String) -> Bool {
            service == "*" || service.hasPrefix("logs.") && service.contains(".amazonaws.com")
        }
    }

    private struct Principal: Decodable {
        var services: [String]

        init(from decoder: any Decoder) throws {
            struct Named: Decodable {
                var services: OneOrMany<String>?

                enum CodingKeys: String, CodingKey { case services = "Service" }
            }
            let container = try decoder.singleValueContainer()
            if let everybody = try? container.decode(String.self) {
                services = [everybody]
            } else {
                services = try container.decode(Named.self).services?.values ?? []
            }
        }
    }

    /// A value of a policy that may stand alone or in a list.
    private struct OneOrMany<Value: Decodable>: Decodable {
        var values: [Value]

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let one = try? container.decode(Value.self) {
                values = [one]
            } else {
                values = try container.decode([Value].self)
            }
        }
    }
}

extension String {
    /// Whether it is what a pattern of a policy says, in which `*` stands for anything and `?` for one character.
    func matches(_ pattern: String) -> Bool {
        let (text, pattern) = (Array(utf8), Array(pattern.utf8))
        var (index, place) = (0, 0)
        var star: (index: Int, place: Int)?
        while index < text.count {
            if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
                star = (index, place)
                place += 1
            } else if place < pattern.count, pattern[place] == text[index] || pattern[place] == UInt8(ascii: "?") {
                index += 1
                place += 1
            } else if let last = star {
                star = (last.index + 1, last.place)
                (index, place) = (last.index + 1, last.place + 1)
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
