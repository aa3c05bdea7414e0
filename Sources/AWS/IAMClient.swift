import HTTP
import HTTPTypes

/// Identity and Access Management: what a role may do.
///
/// https://docs.aws.amazon.com/IAM/latest/APIReference/
public struct IAMClient: Sendable {
    /// What a simulation said of one action on one resource.
    public struct Decision: Sendable, Hashable {
        /// For example `kinesis:PutRecords`.
        public var action: String
        /// Whether the role's own policies allow it; a resource's policy and an organisation's are not asked.
        public var isAllowed: Bool
        /// `allowed`, `explicitDeny` or `implicitDeny`.
        public var decision: String

        /// Describes a decision.
        public init(action: String, isAllowed: Bool, decision: String) {
            self.action = action
            self.isAllowed = isAllowed
            self.decision = decision
        }
    }

    private let caller: ServiceCaller

    /// Makes a client.
    ///
    /// - Throws: `AWSError` when no region is known, which tells the partition.
    public init(_ session: AWSSession) throws(AWSError) {
        let region = try session.region(nil, for: .iam)
        caller = try ServiceCaller(.iam, region: Partition.of(region)?.iamRegion ?? region, session: session)
    }

    /// What a role may do (SimulatePrincipalPolicy).
    ///
    /// - Throws: `AWSError` with the code `NoSuchEntity` when there is no such role.
    public func simulate(
        roleARN: String, actions: [String], resource: String
    ) async throws(AWSError) -> [Decision] {
        let operation = "SimulatePrincipalPolicy"
        var form = [("PolicySourceArn", roleARN), ("ResourceArns.member.1", resource)]
        for (index, action) in actions.enumerated() { form.append(("ActionNames.member.\(index + 1)", action)) }
        let asked = form
        return try await items(of: "IAM \(operation)", roleARN) { marker throws(AWSError) in
            let page = try await call(operation, asked + (marker.map { [("Marker", $0)] } ?? []), resource: roleARN)
            guard let result = page.child("\(operation)Result"), let list = result.child("EvaluationResults") else {
                throw AWSError.malformed("IAM \(operation)", roleARN, what: "holds no results")
            }
            let decisions = list.children.compactMap { result -> Decision? in
                guard let action = result["EvalActionName"], let decision = result["EvalDecision"] else { return nil }
                return Decision(action: action, isAllowed: decision == "allowed", decision: decision)
            }
            return (decisions, result["IsTruncated"] == "true" ? result["Marker"] : nil)
        }
    }

    /// Who may take on a role: its trust policy, as JSON (GetRole).
    public func trustPolicy(ofRoleNamed name: String) async throws(AWSError) -> String {
        let root = try await call("GetRole", [("RoleName", name)], resource: name)
        guard let text = root.child("GetRoleResult")?.child("Role")?["AssumeRolePolicyDocument"] else {
            throw .malformed("IAM GetRole", name, what: "holds no trust policy")
        }
        return String(decoding: PercentEncoding.decode(text), as: UTF8.self)
    }

    private func call(
        _ operation: String, _ form: [(String, String)], resource: String
    ) async throws(AWSError) -> XMLElement {
        let body = PercentEncoding.query([("Action", operation), ("Version", "2010-05-08")] + form)
        let response = try await caller.send(
            .init(
                operation: operation, resource: resource, method: .post, path: "/",
                fields: [.contentType: "application/x-www-form-urlencoded; charset=utf-8"], body: Array(body.utf8)),
            deadline: nil)
        guard let root = try? XMLElement(response.body) else {
            throw .malformed("IAM \(operation)", resource, what: "is no XML")
        }
        return root
    }
}
