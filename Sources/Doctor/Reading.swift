public import AWS

/// What came of asking a service for something.
public enum Reading<Value: Sendable & Hashable>: Sendable, Hashable {
    /// It answered.
    case read(Value)
    /// It refused, or could not be reached.
    case failed(AWSError)
    /// It was not asked, since there is nothing to ask about.
    case notAsked

    /// What was read; nil where it was not.
    public var value: Value? {
        if case .read(let value) = self { value } else { nil }
    }

    /// Why it was not read; nil where it was, or was not asked for.
    public var error: AWSError? {
        if case .failed(let error) = self { error } else { nil }
    }

    /// Whether it was asked for and is not there.
    public var isMissing: Bool {
        guard let error else { return false }
        return error.status == 404 || Self.missingCodes.contains(error.code)
    }

    private static var missingCodes: Set<String> {
        ["ResourceNotFoundException", "NoSuchBucket", "NoSuchEntity", "NotFound"]
    }

    /// Asks, and keeps the answer.
    static func of(_ ask: () async throws(AWSError) -> Value) async -> Reading {
        do throws(AWSError) {
            return .read(try await ask())
        } catch {
            return .failed(error)
        }
    }
}
