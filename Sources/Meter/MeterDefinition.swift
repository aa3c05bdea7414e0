/// What is counted, and how it is aggregated.
public struct MeterDefinition: Sendable, Codable {
    /// How far a definition may still change; it moves one way only.
    public enum LockingStatus: String, Sendable, Codable, CaseIterable {
        /// Everything but the name may change.
        case open
        /// Only label, description and the flags may change.
        case closeToChanges = "close_to_changes"
        /// As above, and the meter may be deleted.
        case deprecated
    }

    /// What makes two records one.
    public enum Deduplication: String, Sendable, Codable, CaseIterable {
        /// Everything that a record says.
        case record
        /// Customer and unique id alone.
        case uniqueId
    }

    /// The platform's name for it; never changes.
    public var id: String
    /// The name that records use; 1 to 256 bytes.
    public var meterApiName: String
    /// The name for people; no other meter has it.
    public var label: String
    /// What it is for.
    public var description: String?
    /// How its records are aggregated.
    public var meterType: MeterType
    /// The dimensions that usage is kept by; others are found in the records alone, which is slower.
    public var dimensions: [String]
    /// The dimensions whose distinct values are counted; `active_users` needs them.
    public var aggregationDimensions: [String]
    /// How far it may still change.
    public var lockingStatus: LockingStatus
    /// When an event that nothing stopped ends; `event_duration` needs it.
    public var timeoutInMinutes: Int?
    /// Whether an invoice shows it.
    public var useInBilling: Bool
    /// Whether it is in use; kept for the reader, it does not bear on the count.
    public var enabled: Bool
    /// What makes two of its records one.
    public var deduplication: Deduplication
    /// When it was defined, in milliseconds since 1970.
    public var createTime: Int64
    /// When it was last changed, in milliseconds since 1970.
    public var updateTime: Int64

    /// Makes a definition.
    public init(
        id: String, meterApiName: String, label: String, description: String? = nil, meterType: MeterType,
        dimensions: [String] = [], aggregationDimensions: [String] = [], lockingStatus: LockingStatus = .open,
        timeoutInMinutes: Int? = nil, useInBilling: Bool = true, enabled: Bool = true,
        deduplication: Deduplication = .record, createTime: Int64 = 0, updateTime: Int64 = 0
    ) {
        self.id = id
        self.meterApiName = meterApiName
        self.label = label
        self.description = description
        self.meterType = meterType
        self.dimensions = dimensions
        self.aggregationDimensions = aggregationDimensions
        self.lockingStatus = lockingStatus
        self.timeoutInMinutes = timeoutInMinutes
        self.useInBilling = useInBilling
        self.enabled = enabled
        self.deduplication = deduplication
        self.createTime = createTime
        self.updateTime = updateTime
    }
}
