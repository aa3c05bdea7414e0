import MeterLine

/// Commands of remedies, with the real names in them.
extension SetUp {
    /// The `metertap attach` that puts our filter on log groups.
    func attach(_ logGroups: [String], like filter: EffectiveFilter? = nil) -> String {
        let filters = groups.lazy.flatMap { ourFilters(of: $0) ?? [] }
        let model = filter ?? filters.first
        var words = ["metertap attach"]
        if filter?.own == nil, filter != nil {
            words.append("--account-policy")
        } else {
            words += logGroups.prefix(5).map { "--log-group \($0)" }
        }
        words.append("--destination-arn \(model?.destinationArn ?? "<the stream or the function of the agent>")")
        if let role = model?.roleArn { words.append("--role-arn \(role)") }
        if !filterName.utf8.elementsEqual("metertap".utf8) { words.append("--filter-name \(filterName)") }
        if agentTags != LineReader.defaultTags { words.append("--tags \(agentTags.joined(separator: ","))") }
        return "`\(words.joined(separator: " "))`"
    }
}
