import Delivery
import MeterLine

/// What the agents are told that bears on what they read in a log event.
extension SetUp {
    private var agents: [AgentSettings] {
        functions.values.sorted { $0.arn < $1.arn }.compactMap { try? $0.settings?.get() }
    }

    /// The tags that the agent finds records by; where its settings could not be read, those that are meant.
    var agentTags: [String] {
        let told = agents.flatMap(\.tags).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        if !told.isEmpty { return told }
        return tags.isEmpty ? LineReader.defaultTags : tags
    }

    /// The tags that records may stand under: the agent's, those that are meant, and those of Amberflo's own libraries.
    var knownTags: [String] {
        (agentTags + tags + LineReader.defaultTags).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    /// Whether the agent takes records without a customer.
    var allowsMissingCustomer: Bool { !agents.isEmpty && agents.allSatisfy(\.allowMissingCustomer) }

    /// Whether records go to Amberflo, by its API or into a bucket of another account.
    var goesToAmberflo: Bool { agents.contains { $0.sinkIsAmberflo || $0.sinkIsForeign } }
}
