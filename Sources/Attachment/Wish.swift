import AWS
import FilterPattern

/// What `metertap attach` wants of every log group: one subscription filter.
public struct Wish: Sendable, Hashable {
    /// The filter's name when nothing else is configured; with the destination it tells that a filter is ours.
    public static let defaultFilterName = "metertap"

    /// The filter's name.
    public var filterName: String
    /// What it hands on.
    public var pattern: String
    /// The pattern for a log group that takes no further filter with a regular expression; nil where `pattern` has none.
    public var terms: String?
    /// Where it hands it on to.
    public var destination: Destination
    /// In which role CloudWatch Logs writes to a stream; nil for the other destinations.
    public var roleArn: String?

    /// Makes a wish.
    public init(
        filterName: String = Wish.defaultFilterName, pattern: String, terms: String? = nil, destination: Destination,
        roleArn: String?
    ) {
        self.filterName = filterName
        self.pattern = pattern
        self.terms = terms
        self.destination = destination
        self.roleArn = roleArn
    }

    /// The distribution of a new filter: over all shards, where there are shards.
    var distribution: String? { destination.kind == .stream ? "Random" : nil }

    /// A wish whose filter takes the tags, by a regular expression where the log group has room for one.
    public init(
        filterName: String = Wish.defaultFilterName, tags: [String], destination: Destination, roleArn: String?
    ) {
        let (pattern, terms) = (FilterPattern.text(ofAny: tags), FilterPattern.terms(ofAny: tags))
        self.init(
            filterName: filterName, pattern: pattern, terms: pattern == terms ? nil : terms, destination: destination,
            roleArn: roleArn)
    }

    /// The pattern of a log group's filter.
    func pattern(byTerms: Bool) -> String { byTerms ? terms ?? pattern : pattern }

    /// Whether a pattern is the one of terms for the same tags.
    func isOfTerms(_ pattern: String) -> Bool { terms.map { Self.isSame($0, pattern) } ?? false }

    /// How many filters with a regular expression a log group has besides ours.
    func expressions(among filters: [CloudWatchLogsClient.SubscriptionFilter]) -> Int {
        filters.count { !Self.isSame($0.filterName, filterName) && FilterPattern.holdsExpression($0.filterPattern) }
    }

    /// Whether a filter's role is as it should be.
    ///
    /// A destination of CloudWatch Logs has a role of its own. The sender's is asked for only where a whole organisation
    /// may send, so that one that was not given here stays, and one that the service does not tell is none to complain of.
    func takesRole(of filter: CloudWatchLogsClient.SubscriptionFilter) -> Bool {
        if destination.kind == .otherAccount, filter.roleArn == nil || roleArn == nil { return true }
        return Self.isSame(filter.roleArn ?? "", roleArn ?? "")
    }

    /// The filter to put, in place of one of ours if there is one.
    ///
    /// How an existing filter distributes its events is left as it is: that is for its owner to choose, and loses nothing.
    func filter(
        inPlaceOf present: CloudWatchLogsClient.SubscriptionFilter?, byTerms: Bool
    ) -> CloudWatchLogsClient.SubscriptionFilter {
        .init(
            filterName: filterName, filterPattern: pattern(byTerms: byTerms), destinationArn: destination.arn,
            roleArn: roleArn ?? (destination.kind == .otherAccount ? present?.roleArn : nil),
            distribution: present?.distribution ?? distribution)
    }

    /// Whether two names are the same to AWS, which compares bytes.
    package static func isSame(_ one: String, _ other: String) -> Bool { one.utf8.elementsEqual(other.utf8) }
}
