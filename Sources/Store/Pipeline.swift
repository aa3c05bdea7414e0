/// The figures of everything that came in: `received` = `counted` + `duplicate` + `cancelled` + `undefined` + `rejected`.
public struct Pipeline: Sendable {
    /// The figures of one way in.
    public struct Source: Sendable {
        /// The way in.
        public var intake: IntakeName
        /// Everything that came.
        public var received: Int
        /// What was known already.
        public var duplicate: Int
        /// What was no valid record when it came.
        public var rejected: Int
        /// When it reported; nil before the first time.
        public var activity: Activity?
        /// Objects that were read, and that could not be.
        public var objects: (read: Int, failed: Int)
    }

    /// A name and how many records it has.
    public struct NamedCount: Sendable {
        /// The name.
        public var name: String
        /// How many records.
        public var records: Int
    }

    /// When a meter's last record came.
    public struct MeterActivity: Sendable {
        /// The meter.
        public var meterApiName: String
        /// How many of its records count.
        public var records: Int
        /// When its records came.
        public var activity: Activity
    }

    /// Everything that came.
    public var received = 0
    /// What bears on usage.
    public var counted = 0
    /// What was known already.
    public var duplicate = 0
    /// Records that were taken back, and the cancels.
    public var cancelled = 0
    /// Records of meters that are not defined.
    public var undefined = 0
    /// What is no valid record and waits to be edited.
    public var rejected = 0
    /// How many of the rejected were dismissed.
    public var dismissedRejects = 0
    /// How many of the rejected are no longer kept.
    public var expiredRejects = 0
    /// Rejects that were edited and stored since.
    public var resolvedRejects = 0
    /// Cancels whose record did not come.
    public var unmatchedCancels = 0
    /// Usage before this time, in milliseconds since 1970, is final; 0 when none is.
    public var frozenBefore: Int64 = 0
    /// The ways in.
    public var sources: [Source] = []
    /// Meters that records name and nobody defined.
    public var undefinedMeters: [NamedCount] = []
    /// Customers that records name and nobody defined, at most a thousand.
    public var undefinedCustomers: [NamedCount] = []
    /// Keys of records that are no field.
    public var ignoredKeys: [NamedCount] = []
    /// When each defined meter's last record came.
    public var meters: [MeterActivity] = []

    /// Starts at zero.
    public init() {}
}
