public import Delivery

/// One Kinesis stream to read, and how.
public struct StreamSettings: Sendable, Hashable {
    /// Where reading begins when no collector has read the stream before.
    public enum Start: Sendable, Hashable {
        /// With the oldest record that the stream still has.
        case trimHorizon
        /// With what comes from the first start of a collector on.
        case latest
        /// With what came at this time or later; milliseconds since 1970.
        case time(Int64)
    }

    /// How long a lease holds when nothing else is set, in seconds.
    public static let standardLeaseSeconds = 60
    /// How long a lease may hold, in seconds.
    public static let leaseSecondsRange = 3...600

    /// What it is called in reports.
    public var name: String
    /// The stream's name or ARN.
    public var stream: String
    /// The stream's region; nil for the one in the ARN, else the session's.
    public var region: String?
    /// The role that reads the stream; nil for the session's own credentials.
    public var roleARN: String?
    /// What the role's owner asks for, to tell its customers apart.
    public var externalID: String?
    /// Where reading begins.
    public var start: Start
    /// Where leases and positions are kept: a bucket, or a directory of this machine.
    public var leases: Location
    /// How long a lease holds: the longest time that a shard waits when its collector has died, and a tenth more.
    public var leaseSeconds: Int

    /// Names a stream.
    ///
    /// - Throws: `SettingError` for what makes no sense.
    public init(
        name: String, stream: String, region: String? = nil, roleARN: String? = nil, externalID: String? = nil,
        start: Start = .trimHorizon, leases: Location, leaseSeconds: Int = standardLeaseSeconds
    ) throws(SettingError) {
        func fail(_ member: String, _ problem: String) -> SettingError {
            SettingError("\(member) of the stream \(name)", problem)
        }
        let parts = stream.split(separator: ":", omittingEmptySubsequences: false)
        if stream.hasPrefix("arn:") {
            guard parts.count == 6, parts[2] == "kinesis", parts[5].hasPrefix("stream/"), !parts[3].isEmpty else {
                throw fail("stream", "is no ARN of a stream; it is like arn:aws:kinesis:REGION:ACCOUNT:stream/NAME")
            }
            if let region, region != parts[3] { throw fail("region", "is another than the one in the ARN") }
        } else if stream.isEmpty {
            throw fail("stream", "is empty; set it to the name or the ARN of a Kinesis stream")
        }
        if externalID != nil, roleARN == nil { throw fail("external-id", "is set without role-arn") }
        switch leases {
        case .bucket, .directory: break
        case .ingest, .standardOutput: throw fail("leases", "must be s3://bucket/prefix or file:///directory")
        }
        guard Self.leaseSecondsRange.contains(leaseSeconds) else {
            throw fail("lease-seconds", "is not from 3 to 600")
        }
        self.name = name
        self.stream = stream
        self.region = region ?? (parts.count == 6 ? String(parts[3]) : nil)
        self.roleARN = roleARN
        self.externalID = externalID
        self.start = start
        self.leases = leases
        self.leaseSeconds = leaseSeconds
    }
}
