import Collection
import Hummingbird
import Platform

/// What the platform pulls from CloudWatch Logs itself, and how that does.
struct ConnectionsScreen: Sendable {
    let connections: Console.Connections
    let pages: Pages

    var screens: [Screen] { [Screen(.get, "/connections", .read, show)] }

    private struct Content {
        struct Problem {
            let name: String
            let message: String
            let since: Time
        }

        struct Connection {
            let name: String
            let state: String
            let style: String
            let account: String
            let region: String
            let logGroups: String
            let lag: String?
            let settled: Time?
            let delivered: String
            let rejected: String
            let late: String
            let latest: String?
            let calls: String
            let bytes: String
        }

        struct Pass {
            let name: String
            let calls: String
            let bytes: String
            let found: String
        }

        let isEmpty: Bool
        let hasProblems: Bool
        let problems: [Problem]
        let connections: [Connection]
        let passes: [Pass]
    }

    private func show(_ visit: Visit) async throws -> Response {
        let statuses = await connections()
        let problems = statuses.compactMap { status in
            status.problem.map {
                Content.Problem(
                    name: Show.name(status.name), message: Show.text($0.message), since: Time($0.since))
            }
        }
        let content = Content(
            isEmpty: statuses.isEmpty, hasProblems: !problems.isEmpty, problems: problems,
            connections: statuses.map(Self.connection), passes: Self.passes(statuses))
        return try pages.show(
            Page(title: "Connections", section: .connections, template: "connections", content: content), to: visit)
    }

    private static func connection(_ status: ConnectionStatus) -> Content.Connection {
        let (state, style) = word(status.state)
        return Content.Connection(
            name: Show.name(status.name), state: state, style: style,
            account: status.account.isEmpty ? "not known yet" : Show.text(status.account),
            region: Show.text(status.region), logGroups: Show.count(status.logGroups),
            lag: status.lag.map { Show.duration(milliseconds: $0) }, settled: status.settled.map { Time($0) },
            delivered: Show.count(status.delivered), rejected: Show.count(status.rejected),
            late: Show.count(status.late),
            latest: status.late > 0 ? Show.duration(milliseconds: status.largestLateness) : nil,
            calls: Show.count(status.calls), bytes: Show.bytes(status.bytes))
    }

    private static func word(_ state: ConnectionStatus.State) -> (String, style: String) {
        switch state {
        case .starting: ("starting", "")
        case .catchingUp: ("catching up", "warn")
        case .following: ("following", "good")
        case .failing: ("failing", "bad")
        }
    }

    /// The passes of all connections together, the youngest first.
    private static func passes(_ statuses: [ConnectionStatus]) -> [Content.Pass] {
        var names = ["first", "early", "window"]
        let none = ConnectionStatus.Pass()
        var sums: [String: ConnectionStatus.Pass] = [:]
        for (name, pass) in statuses.flatMap(\.passes) {
            if !names.contains(name) { names.append(name) }
            sums[name, default: none].calls += pass.calls
            sums[name, default: none].bytes += pass.bytes
            sums[name, default: none].found += pass.found
        }
        let sweeps = names.dropFirst(3).sorted { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
        return (names.prefix(3) + sweeps).map { name in
            let sum = sums[name] ?? none
            return Content.Pass(
                name: sweeps.contains(name) ? "sweep after \(name)" : name, calls: Show.count(sum.calls),
                bytes: Show.bytes(sum.bytes), found: Show.count(sum.found))
        }
    }
}
