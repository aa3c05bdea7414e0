public import AWS

/// What was read of a Kinesis stream.
public struct ExaminedStream: Sendable, Hashable {
    /// The ARN.
    public var arn: String
    /// How it is set up.
    public var summary: Reading<KinesisClient.Summary> = .notAsked
    /// What feeds functions from it, those of others included.
    public var mappings: Reading<[LambdaClient.Mapping]> = .notAsked
    /// What CloudWatch measured of it.
    public var figures: Reading<Figures> = .notAsked

    /// What CloudWatch measured of a stream.
    public struct Figures: Sendable, Hashable {
        /// How many times in a day a record was refused, since a shard had no room for it.
        public var refused: Double
        /// The most bytes of a minute, in a day.
        public var mostBytesOfMinute: Double
        /// The most records of a minute, in a day.
        public var mostRecordsOfMinute: Double
        /// How old the oldest record was that a reader took last, in milliseconds, by the minute of the last quarter of an
        /// hour; empty when nobody read.
        public var recentAges: [Double]

        /// Tells figures.
        public init(
            refused: Double = 0, mostBytesOfMinute: Double = 0, mostRecordsOfMinute: Double = 0,
            recentAges: [Double] = []
        ) {
            self.refused = refused
            self.mostBytesOfMinute = mostBytesOfMinute
            self.mostRecordsOfMinute = mostRecordsOfMinute
            self.recentAges = recentAges
        }
    }

    /// The name.
    public var name: String { arn.split(separator: "/").last.map(String.init) ?? arn }

    /// Nothing but the stream's name is known yet.
    public init(arn: String) {
        self.arn = arn
    }
}
