import AWS

/// What `metertap attach` wants of every log group: one subscription filter.
public struct Wish: Sendable, Hashable {
    /// The filter's name when nothing else is configured; with the destination it tells that a filter is ours.
    public static let defaultFilterName = "metertap"

    /// The filter's name.
    public var filterName: String
    /// What it hands on.
    public var pattern: String
    /// Where it hands it on to.
    public var destination: Destination
    /// In which role CloudWatch Logs writes to a stream; nil for the other destinations.
    public var roleArn: String?

    /// Makes a wish.
    public init(
        filterName: String = Wish.defaultFilterName, pattern: String, destination: Destination, roleArn: String?
    ) {
        self.filterName = filterName
        self.pattern = pattern
        self.destination = destination
        self.roleArn = roleArn
    }

    /// The distribution of a new filter: over all shards, where there are shards.
    var distribution: String? { destination.kind == .stream ? "Random" : nil }

    /// The filter to put, in place of one of ours if there is one.
    ///
    /// How an existing filter distributes its events is left as it is: that is for its owner to choose, and loses nothing.
    func filter(inPlaceOf present: CloudWatchLogsClient.SubscriptionFilter?) -> CloudWatchLogsClient.SubscriptionFilter
    {
        .init(
            filterName: filterName, filterPattern: pattern, destinationArn: destination.arn, roleArn: roleArn,
            distribution: present?.distribution ?? distribution)
    }

    /// Whether two names are the same to AWS, which compares bytes.
    package static func isSame(_ one: String, _ other: String) -> Bool { one.utf8.elementsEqual(other.utf8) }
}
