/// One meter record: somebody used so much of something at a moment.
///
/// Records are not `Equatable` on purpose: Swift calls two strings equal when they are canonically equivalent, so that
/// `é` as one scalar equals `é` as two. To a bill these are two customers; compare the bytes.
public struct Record: Sendable {
    /// The name that never changes for the same log event; two records with one id and the same content are one.
    public var uniqueId: String
    /// The meter that counts this record; 1 to 256 bytes.
    public var meterApiName: String
    /// How much was used.
    public var meterValue: Quantity
    /// When it was used, in milliseconds since 1970-01-01T00:00:00Z.
    public var meterTimeInMillis: Int64
    /// Who used it; 1 to 256 bytes.
    ///
    /// Nil only where the configuration allows records without a customer.
    public var customerId: String?
    /// What else is known, by name; sorted by the bytes of the names, each name once.
    public var dimensions: [Dimension]

    /// Makes a record of parts that were checked already.
    public init(
        uniqueId: String, meterApiName: String, meterValue: Quantity, meterTimeInMillis: Int64, customerId: String?,
        dimensions: [Dimension]
    ) {
        self.uniqueId = uniqueId
        self.meterApiName = meterApiName
        self.meterValue = meterValue
        self.meterTimeInMillis = meterTimeInMillis
        self.customerId = customerId
        self.dimensions = dimensions
    }
}

/// One named property of a record, such as a region or a method.
public struct Dimension: Sendable {
    /// At most 256 bytes.
    public var name: String
    /// At most 1,024 bytes.
    public var value: String

    /// Makes a dimension.
    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// The bounds of what a record may hold.
public enum RecordLimits {
    /// The times that anything from outside may tell: milliseconds since 1970, through the end of the year 9999.
    ///
    /// Sums of two of them, and with any length of time that a setting allows, fit 64 bits. So whatever reads a time (a
    /// request, a token, a line, a file, a row of a database) checks it by `timeInMillis` once, and nothing behind it has
    /// to.
    public static let timesInMillis: ClosedRange<Int64> = 0...253_402_300_799_999

    /// A time in milliseconds since 1970; nil for one that is not in the years 1970 through 9999.
    public static func timeInMillis(_ time: Int64?) -> Int64? {
        time.flatMap { timesInMillis.contains($0) ? $0 : nil }
    }

    /// The longest `customerId`, `meterApiName`, `uniqueId` or dimension name, in bytes of UTF-8.
    public static let nameBytes = 256
    /// The longest dimension value, in bytes of UTF-8.
    public static let dimensionValueBytes = 1_024
    /// The most dimensions of one record.
    public static let dimensions = 64
    /// The earliest time, 2000-01-01T00:00:00Z: an earlier one was meant as seconds or is an accident.
    public static let earliestTimeInMillis: Int64 = 946_684_800_000
    /// How far a record's time may lie behind its log event's: 365 days.
    ///
    /// A later one was meant as microseconds.
    public static let futureInMillis: Int64 = 365 * 86_400_000
}
