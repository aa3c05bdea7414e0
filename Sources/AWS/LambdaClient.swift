import FoundationEssentials
import HTTP
import HTTPTypes

/// Lambda: which functions read a stream, how they are set up, where they log, and who may call them.
///
/// https://docs.aws.amazon.com/lambda/latest/api/
public struct LambdaClient: Sendable {
    /// A function by its name, and a version or alias of it.
    public struct Function: Sendable, Hashable {
        /// The name without the account.
        public var name: String
        /// The version or alias; nil for the function itself.
        public var qualifier: String?

        /// Reads `arn:aws:lambda:region:account:function:name` with or without a qualifier; nil for anything else.
        public init?(arn: String) {
            let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 7 || parts.count == 8, parts[0] == "arn", parts[2] == "lambda", parts[5] == "function",
                !parts[6].isEmpty
            else { return nil }
            name = String(parts[6])
            qualifier = parts.count == 8 ? String(parts[7]) : nil
        }
    }

    /// Who may call a function from CloudWatch Logs.
    public struct Permission: Sendable, Hashable {
        /// The statement's name, unique in the function's policy.
        public var statementID: String
        /// The account whose log groups may call.
        public var sourceAccount: String
        /// The log groups that may call, for example `arn:aws:logs:eu-central-1:123456789012:log-group:*`.
        public var sourceArn: String

        /// Describes a permission.
        public init(statementID: String, sourceAccount: String, sourceArn: String) {
            self.statementID = statementID
            self.sourceAccount = sourceAccount
            self.sourceArn = sourceArn
        }
    }

    let caller: ServiceCaller

    /// Makes a client.
    ///
    /// - Parameter region: the region to call; nil for the session's.
    /// - Throws: `AWSError` when no region is known.
    public init(_ session: AWSSession, region: String? = nil) throws(AWSError) {
        caller = try ServiceCaller(.lambda, region: region, session: session)
    }

    /// The functions that an event source mapping feeds from a stream.
    public func functions(readingFrom streamARN: String) async throws(AWSError) -> [Function] {
        try await mappings(of: streamARN).compactMap { $0.functionARN.flatMap(Function.init(arn:)) }
    }

    /// The log group that a function writes to.
    public func logGroup(of function: Function) async throws(AWSError) -> String {
        try await configuration(of: function).logGroup ?? "/aws/lambda/\(function.name)"
    }

    /// The statements of a function's policy, which tells who may call it; none where it has no policy.
    public func statements(of function: Function) async throws(AWSError) -> [PolicyStatement] {
        guard let text = try await policy(of: function) else { return [] }
        guard let statements = PolicyStatement.read(text) else {
            throw .malformed("Lambda GetPolicy", function.name, what: "holds no policy")
        }
        return statements
    }

    /// Lets CloudWatch Logs call a function; a statement of that name that is there already is left as it is.
    public func add(_ permission: Permission, to function: Function) async throws(AWSError) {
        let input = [
            "StatementId": permission.statementID, "Action": "lambda:InvokeFunction",
            "Principal": "logs.amazonaws.com", "SourceAccount": permission.sourceAccount,
            "SourceArn": permission.sourceArn,
        ]
        guard let body = try? JSONEncoder().encode(input) else {
            throw .configuration(
                "InvalidRequest", "\(function.name) is no name of a function.", operation: "AddPermission")
        }
        do {
            _ = try await caller.send(
                .init(
                    operation: "AddPermission", resource: function.name, method: .post, path: path(function, "policy"),
                    fields: [.contentType: "application/json"], body: Array(body)), deadline: nil)
        } catch  where error.code == "ResourceConflictException" {}
    }

    /// Takes a statement out of a function's policy; one that is not there is as good.
    public func removePermission(_ statementID: String, from function: Function) async throws(AWSError) {
        do {
            _ = try await caller.send(
                .init(
                    operation: "RemovePermission", resource: function.name, method: .delete,
                    path: path(function, "policy/\(PercentEncoding.encode(statementID))")), deadline: nil)
        } catch  where error.code == "ResourceNotFoundException" {}
    }

    func path(_ function: Function, _ rest: String, version: String = "2015-03-31") -> String {
        let path = "/\(version)/functions/\(PercentEncoding.encode(function.name))/\(rest)"
        return function.qualifier.map { path + "?" + PercentEncoding.query([("Qualifier", $0)]) } ?? path
    }

    func get<Output: Decodable>(
        _ operation: String, _ path: String, resource: String
    ) async throws(AWSError) -> Output {
        let response = try await caller.send(
            .init(operation: operation, resource: resource, method: .get, path: path), deadline: nil)
        guard let output = try? JSONDecoder().decode(Output.self, from: Data(response.body)) else {
            throw .malformed("Lambda \(operation)", resource, what: "is not what this operation answers")
        }
        return output
    }
}
