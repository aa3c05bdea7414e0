import AWS

extension Finding {
    /// What could not be looked at: one finding for each action that was refused, however many things it is about.
    ///
    /// - Parameters:
    ///   - failures: what was asked about, and why there was no answer.
    ///   - what: what is not known for that, for example `whether a filter hands its events on`.
    static func unreadable(
        _ check: Check, _ failures: [(subject: String, error: AWSError)], what: String
    ) -> [Finding] {
        var kinds: [(error: AWSError, subjects: [String])] = []
        for (subject, error) in failures {
            let index = kinds.firstIndex { $0.error.operation == error.operation && $0.error.code == error.code }
            if let index { kinds[index].subjects.append(subject) } else { kinds.append((error, [subject])) }
        }
        return kinds.map { error, subjects in
            Finding(
                check, .unknown, told(subjects), "It could not be looked at \(what).",
                consequence: "If something is wrong there, nobody is told, and meters may be missing from the bill.",
                remedy: error.remedy, evidence: ["\(error)"])
        }
    }

    /// The first few names, and how many more there are.
    static func told(_ names: [String], most: Int = 5) -> String {
        let shown = names.prefix(most).joined(separator: ", ")
        return names.count > most ? "\(shown) and \(names.count - most) more" : shown
    }
}

extension AWSError {
    /// The services' names in IAM, by the names that operations begin with.
    private static let prefixes = [
        "CloudWatch Logs": "logs", "CloudWatch": "cloudwatch", "IAM": "iam", "Kinesis": "kinesis", "Lambda": "lambda",
        "Resource Groups Tagging API": "tag", "S3": "s3", "SQS": "sqs", "STS": "sts",
        "Secrets Manager": "secretsmanager",
    ]

    private static let exceptions = ["Lambda Invoke": "lambda:InvokeFunction", "S3 ListObjectsV2": "s3:ListBucket"]

    /// The action of IAM that the operation needs, for example `logs:FilterLogEvents`.
    ///
    /// Most operations are called like their action.
    var action: String? {
        if let action = Self.exceptions[operation] { return action }
        guard let space = operation.lastIndex(of: " ") else { return nil }
        return Self.prefixes[String(operation[..<space])].map { "\($0):\(operation[operation.index(after: space)...])" }
    }

    /// What to do so that it can be looked at.
    fileprivate var remedy: String {
        guard isDenied, let action else { return "Run the doctor again; if it stays, see what the error says." }
        return "Allow \(action) to the credentials of the doctor, and run it again."
    }
}
