public import Aggregation
public import Meter

/// What the platform keeps: records counted once, their usage, and what is defined about them.
///
/// Every function throws a `StoreError`. Whatever changes something is durable when it returns.
public protocol Store: Sendable {
    // MARK: Records

    /// Stores a batch, all of it or nothing; what is known already is counted as a duplicate.
    func ingest(_ batch: IntakeBatch) async throws(StoreError) -> IntakeResult
    /// How far an object of a bucket was read.
    func progress(of object: IntakeObject, in intake: IntakeName) async throws(StoreError) -> IntakeProgress
    /// Notes that an object cannot be read, and why.
    func fail(_ object: IntakeObject, in intake: IntakeName, reason: String, time: Int64) async throws(StoreError)
    /// Records in the order of their arrival.
    func events(_ query: EventQuery) async throws(StoreError) -> EventPage
    /// Records of a meter and customer in the order of their time.
    func usageEvents(_ query: UsageEventQuery) async throws(StoreError) -> UsageEventPage
    /// What became of records like these, whichever way they came: as many answers as records, in their order.
    func find(_ records: [ReceivedRecord]) async throws(StoreError) -> [KnownRecord]
    /// One record; nil when there is none of that number.
    func event(_ number: Int64) async throws(StoreError) -> StoredEvent?
    /// What else is known of a record: what came again, and what it was taken back by.
    func trail(of number: Int64) async throws(StoreError) -> EventTrail
    /// The number of the newest record; 0 for none.
    func newestEvent() async throws(StoreError) -> Int64
    /// What came in by minute and way in since a time in milliseconds since 1970, the oldest first.
    func arrivals(since time: Int64) async throws(StoreError) -> [Arrivals]
    /// Moves the retention mark, freezes the usage of the hours behind it and drops their records.
    ///
    /// The mark stands so many hours before the lesser of the clock and the newest record that did not come before its
    /// time, and never moves back. What is frozen is changed by nothing: no record, cancel, definition or rebuild. Keys
    /// without a time are remembered for good.
    ///
    /// - Parameters:
    ///   - hours: for how many hours records are kept; 0 or more.
    ///   - now: the clock, in milliseconds since 1970.
    /// - Returns: how much was done, some ten thousand rows at once; call it until it is 0.
    func closeRecords(keeping hours: Int64, at now: Int64) async throws(StoreError) -> Int

    // MARK: Rejects

    /// Notes that a reject needs no fixing; it stays visible and isn't billed.
    ///
    /// - Parameters:
    ///   - reason: why, for the log of changes.
    ///   - time: in milliseconds since 1970.
    /// - Throws: `conflict` when it was resolved or dismissed before, `notFound` when there is none.
    func dismiss(_ id: Int64, reason: String, who: String, time: Int64) async throws(StoreError) -> StoredReject
    /// Drops rejects, also resolved ones, that came before the mark behind which records are gone.
    ///
    /// - Returns: how many were dropped; at most some thousands at once, so call it until it is 0.
    func expireRejects() async throws(StoreError) -> Int

    /// Rejects, the newest first.
    func rejects(_ query: RejectQuery) async throws(StoreError) -> RejectPage
    /// Rejects that wait, by reason and where they came from; the largest groups first.
    ///
    /// - Parameter time: since when each group's days are counted, in milliseconds since 1970.
    func rejectGroups(daysSince time: Int64) async throws(StoreError) -> [RejectGroup]
    /// One reject; nil when there is none of that number.
    func reject(_ id: Int64) async throws(StoreError) -> StoredReject?
    /// Stores the records of an edited reject and resolves it, in one step.
    ///
    /// - Throws: `conflict` when it was resolved before, `notFound` when there is none.
    func resolve(_ id: Int64, with batch: IntakeBatch, who: String) async throws(StoreError) -> IntakeResult

    // MARK: Usage

    /// Aggregates a meter's records.
    func usage(_ query: UsageQuery) async throws(StoreError) -> UsageAnswer
    /// The dimensions that a meter's records have had, sorted by their bytes.
    func dimensions(ofMeter meterApiName: String) async throws(StoreError) -> [String]

    // MARK: Definitions

    /// All meters, sorted by the bytes of their names.
    func meters() async throws(StoreError) -> [MeterDefinition]
    /// Defines a meter; its records count from now on, also those that came before.
    func create(_ meter: MeterDefinition, who: String) async throws(StoreError) -> MeterDefinition
    /// Changes a meter, as far as its locking status allows.
    func update(_ meter: MeterDefinition, who: String) async throws(StoreError) -> MeterDefinition
    /// Deletes a deprecated meter; its records stay and are undefined.
    func deleteMeter(id: String, who: String, time: Int64) async throws(StoreError) -> MeterDefinition
    /// Customers, sorted by the bytes of their ids.
    func customers() async throws(StoreError) -> [Customer]
    /// One customer; nil when it is not defined.
    func customer(_ id: String) async throws(StoreError) -> Customer?
    /// Defines or changes a customer.
    func put(_ customer: Customer, isNew: Bool, who: String) async throws(StoreError) -> Customer
    /// Deletes a customer; the records stay.
    func deleteCustomer(_ id: String, who: String, time: Int64) async throws(StoreError) -> Customer

    // MARK: Keys, figures and the rest

    /// All keys that were not revoked.
    func keys() async throws(StoreError) -> [StoredKey]
    /// The revoked key of a hash; nil when there is none.
    func revokedKey(hash: [UInt8]) async throws(StoreError) -> StoredKey?
    /// Keeps a key.
    func add(_ key: StoredKey, who: String) async throws(StoreError)
    /// Revokes a key; nil when there is none.
    func revokeKey(id: String, who: String, time: Int64) async throws(StoreError) -> StoredKey?
    /// Notes when keys were last used.
    func noteUse(ofKeys times: [String: Int64]) async throws(StoreError)
    /// What changed that bears on a bill, the newest first.
    func changes(limit: Int, before cursor: Int64?) async throws(StoreError) -> [StoredChange]
    /// Notes what an audit found, and what it repaired among the changes; gives it its number.
    func note(_ audit: StoredAudit) async throws(StoreError) -> StoredAudit
    /// What audits have found, the newest first, without their details.
    func audits(limit: Int) async throws(StoreError) -> [StoredAudit]
    /// One audit; nil when there is none of this number.
    func audit(_ id: Int64) async throws(StoreError) -> StoredAudit?
    /// Notes what the doctor found, and gives it its number; of each account and region only the newest are kept.
    func note(_ diagnosis: StoredDiagnosis) async throws(StoreError) -> StoredDiagnosis
    /// What the doctor has found, the newest first, without the findings.
    func diagnoses(limit: Int) async throws(StoreError) -> [StoredDiagnosis]
    /// The newest diagnosis of each account and region, without the findings.
    func latestDiagnoses(limit: Int) async throws(StoreError) -> [StoredDiagnosis]
    /// One diagnosis; nil when there is none of this number.
    func diagnosis(_ id: Int64) async throws(StoreError) -> StoredDiagnosis?
    /// The figures of everything that came in.
    func pipeline() async throws(StoreError) -> Pipeline
    /// Writes and reads something, so that a full disk, a locked or a damaged database is noticed.
    func probe() async throws(StoreError)
    /// What keeps the store from working, as far as a request has met it: damage of the file for good, another failure to
    /// store records for a minute, or until records are stored. Nil for nothing.
    var trouble: StoreError? { get }
}

/// How far an object of a bucket was read.
public enum IntakeProgress: Sendable, Equatable {
    /// Nothing of it.
    case new
    /// So many of its items are stored.
    case partly(Int)
    /// All of it.
    case done
    /// It could not be read.
    case failed
}

/// A key of the API as it is kept: its secret only as a hash.
public struct StoredKey: Sendable {
    /// The key's own name.
    public var id: String
    /// The name that somebody gave it.
    public var name: String
    /// What it allows: `ingest`, `read`, `admin`.
    public var rights: [String]
    /// SHA-256 of the secret.
    public var hash: [UInt8]
    /// When it was made, in milliseconds since 1970.
    public var created: Int64
    /// When it was last used.
    public var used: Int64?

    /// Makes a key.
    public init(id: String, name: String, rights: [String], hash: [UInt8], created: Int64, used: Int64? = nil) {
        self.id = id
        self.name = name
        self.rights = rights
        self.hash = hash
        self.created = created
        self.used = used
    }
}

/// Who changed what, and when.
public struct StoredChange: Sendable {
    /// Its number, from 1.
    public var id: Int64
    /// When, in milliseconds since 1970.
    public var time: Int64
    /// The name of the key that did it.
    public var who: String
    /// What was done, for example `meter.update`.
    public var what: String
    /// To what.
    public var subject: String
    /// How it was before, as JSON.
    public var before: [UInt8]?
    /// How it is since, as JSON.
    public var after: [UInt8]?
}
