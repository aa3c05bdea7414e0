import AWS
import Attachment

/// Plans and outcomes of attaching, as people read them.
enum AttachReport {
    /// What became of a plan.
    struct Outcome {
        private(set) var count = 0
        private(set) var isComplete = true
        /// What is left without a filter.
        private(set) var left: [AttachPlan.Step] = []
        /// Whether filters are taken away.
        var detaches = false
        private var attached = 0
        private var changed = 0
        private var detached = 0
        private var others: [String] = []

        mutating func add(_ planned: AttachPlan.Step, _ done: AttachPlan.Step) {
            count += 1
            // What turned out only now is told; what was planned so, the plan has told.
            if done.isByTerms, !planned.isByTerms { others.append(AttachReport.line(done)) }
            switch done.action {
            case .attach: attached += 1
            case .change: changed += 1
            case .detach: detached += 1
            case .keep: break
            case .absent: others.append("  \(Table.printable(done.group.name))  is gone")
            case .leave:
                isComplete = isComplete && !done.action.isLoss
                if done.action.isLoss { left.append(done) }
                others.append(AttachReport.line(done, detaches: detaches))
            }
        }

        var summary: String {
            let counts = [(attached, "attached"), (changed, "changed"), (detached, "detached")]
            let done = counts.filter { $0.0 > 0 }.map { "\(Display.count($0.0)) \($0.1)" }
            return (others + [done.isEmpty ? "Done." : done.joined(separator: ", ") + "."]).joined(separator: "\n")
        }
    }

    static func show(
        _ plan: AttachPlan, _ wish: Wish, permission: LambdaClient.Permission?, detaches: Bool
    ) {
        for step in plan.steps where step.isByTerms || step.action != .keep && step.action != .absent {
            Terminal.output(line(step, detaches: detaches))
        }
        let kept = plan.steps.count { $0.action == .keep && !$0.isByTerms }
        if kept > 0 { Terminal.output("= \(Display.count(kept)) as they should be") }
        if plan.steps.isEmpty {
            Terminal.output("No log group is selected.")
        } else if plan.work.isEmpty, permission == nil {
            Terminal.output("Nothing to do.")
        }
        show(wish, permission, detaches: detaches, usesTerms: plan.steps.contains(where: \.isByTerms))
    }

    static func show(_ plan: PolicyPlan, _ wish: Wish, permission: LambdaClient.Permission?, detaches: Bool) {
        switch plan {
        case .attach(let policy):
            Terminal.output("+ account policy \(policy.name)  for \(policy.selectionCriteria ?? "all log groups")")
        case .change(let policy, let differences):
            Terminal.output("~ account policy \(policy.name)  \(Table.printable(differences.joined(separator: "; ")))")
        case .keep: Terminal.output("= account policy \(wish.filterName)  as it should be\nNothing to do.")
        case .detach(let name): Terminal.output("- account policy \(name)")
        case .absent: Terminal.output("Nothing to do: there is no account policy.")
        case .leave(let name):
            Terminal.output(
                "! account policy \(Table.printable(name))  is not ours, and left alone; AWS takes one in a region, so use "
                    + "filters on log groups")
        }
        show(wish, permission, detaches: detaches)
    }

    private static func show(
        _ wish: Wish, _ permission: LambdaClient.Permission?, detaches: Bool, usesTerms: Bool = false
    ) {
        if let permission {
            let sign = detaches ? "-" : "+"
            Terminal.output(
                "\(sign) permission \(permission.statementID)  for \(permission.sourceArn) to call the function")
        }
        guard !detaches else { return }
        Terminal.output("  pattern      \(wish.pattern)")
        if usesTerms, let terms = wish.terms { Terminal.output("  by terms     \(terms)") }
        Terminal.output("  destination  \(wish.destination.arn)")
        if let role = wish.roleArn { Terminal.output("  role         \(role)") }
    }

    /// What is done to a log group, with a sign in front: + - ~ = or ! for what is left alone.
    static func line(_ step: AttachPlan.Step, detaches: Bool = false) -> String {
        let (sign, action) = told(step.action, detaches: detaches)
        let parts = step.isByTerms ? [step.action == .keep ? "" : action, byTerms] : [action]
        let told = parts.filter { !$0.isEmpty }.joined(separator: "; ")
        return Table.printable("\(sign) \(step.group.name)\(told.isEmpty ? "" : "  \(told)")")
    }

    private static let byTerms =
        "by terms, because the log group takes no further filter with a regular expression: a coloured or prefixed tag may "
        + "be missed"

    private static func remedy(_ error: AWSError, detaches: Bool) -> String {
        let consequence = detaches ? "It keeps its filter." : "Its records are not delivered."
        if error.isDenied { return "\(consequence) Allow the operation on this log group." }
        if error.isOfTestMessage {
            return
                "\(consequence) Check that the destination is there and active, and that the role or permission lets "
                + "CloudWatch Logs write to it."
        }
        if error.message.contains("Role ARN is required") {
            return "\(consequence) The destination is open to a whole organisation: give a role with --role-arn."
        }
        return consequence
    }

    private static func told(_ action: AttachPlan.Action, detaches: Bool) -> (String, String) {
        switch action {
        case .attach(let others):
            ("+", others.isEmpty ? "" : "beside \(others.joined(separator: ", ")), which stay")
        case .change(let differences): ("~", "\(differences.joined(separator: "; "))")
        case .keep: ("=", "as it should be")
        case .detach: ("-", "")
        case .absent: (" ", "has no filter of ours")
        case .leave(.ownLog(let function, false)):
            ("!", "is the log of \(function), which would feed itself")
        case .leave(.ownLog(let function, true)):
            ("!", "is the log of \(function) and has our filter: it feeds itself; take it away with metertap detach")
        case .leave(.foreignFilter(let destination)):
            (
                "!",
                "has a filter of this name to \(destination), which is not ours; --filter-name tells ours by another name"
            )
        case .leave(.noSubscriptions(let logGroupClass)):
            ("!", "is of the class \(logGroupClass), which has no subscription filters; its records are not delivered")
        case .leave(.full(let filters)):
            (
                "!",
                "takes no further filter beside \(filters.joined(separator: ", ")); its records are not delivered. Take "
                    + "one away, or raise the quota of subscription filters per log group"
            )
        case .leave(.refused(let error)): ("!", "is not done: \(error) \(remedy(error, detaches: detaches))")
        }
    }
}
