import Gzip
import MeterLine
import SystemPackage

/// Where records go.
public protocol RecordSink: Sendable {
    /// Stores the records of a part durably before it returns, in their order and as far as it can.
    func deliver(_ part: Part, deadline: ContinuousClock.Instant?) async -> PartDelivery

    /// Asks whether the place would take records, and stores none.
    ///
    /// - Throws: `DeliveryError` when it would not.
    func check(deadline: ContinuousClock.Instant?) async throws(DeliveryError)

    /// The most records of a part; nil for any number.
    var maximumRecords: Int? { get }

    /// Whether it takes nothing but the lines of a part, so that they are neither compressed nor named.
    var takesPlainLines: Bool { get }

    /// The place, for people.
    var name: String { get }
}

extension RecordSink {
    /// False: what is stored or sent is paid by its size.
    public var takesPlainLines: Bool { false }
}

/// How far a sink came with a part.
public struct PartDelivery: Sendable {
    /// How many of the first lines are settled: durable in the sink, or refused by it.
    public var settled = 0
    /// The lines among them that the sink refused for good.
    public var refused: [RefusedLine] = []
    /// Why it went no further; nil when the whole part is settled.
    public var error: DeliveryError?

    /// All of a part, or nothing of it because of an error.
    init(_ part: Part, _ body: () async throws(DeliveryError) -> Void) async {
        do throws(DeliveryError) {
            try await body()
            settled = part.lines
        } catch {
            self.error = error
        }
    }

    /// Nothing yet.
    init() {}
}

/// One record that a sink does not take and never will.
public struct RefusedLine: Sendable {
    /// Its place in the part, from 0.
    public var index: Int
    /// The record's line.
    public var line: [UInt8]
    /// What the sink said.
    public var answer: String
}

/// Records as objects in a store.
public struct StoreSink: RecordSink {
    private let store: any ObjectStore

    /// Delivers to a store.
    public init(_ store: any ObjectStore) {
        self.store = store
    }

    /// Any number.
    public var maximumRecords: Int? { nil }

    /// The store's name.
    public var name: String { store.name }

    /// Stores the part as one object; a store refuses no single record.
    public func deliver(_ part: Part, deadline: ContinuousClock.Instant?) async -> PartDelivery {
        await PartDelivery(part) { () throws(DeliveryError) in try await store.put(part, deadline: deadline) }
    }

    /// Asks the store.
    public func check(deadline: ContinuousClock.Instant?) async throws(DeliveryError) {
        try await store.check(.records, deadline: deadline)
    }
}

/// Records as lines on stdout, for whoever reads them there.
public struct StandardOutputSink: RecordSink {
    /// Writes to stdout.
    public init() {}

    /// Any number.
    public var maximumRecords: Int? { nil }

    /// True: the lines are written as they are.
    public var takesPlainLines: Bool { true }

    /// What stands for stdout among URLs.
    public var name: String { "-" }

    /// Writes the lines; what becomes of them is the reader's business.
    public func deliver(_ part: Part, deadline: ContinuousClock.Instant?) async -> PartDelivery {
        await PartDelivery(part) { () throws(DeliveryError) in
            let text = try part.text()
            do {
                try FileDescriptor.standardOutput.writeAll(text)
            } catch {
                throw DeliveryError(.configuration, "stdout cannot be written: \(error)")
            }
        }
    }

    /// It takes everything as long as somebody reads.
    public func check(deadline: ContinuousClock.Instant?) async throws(DeliveryError) {}
}

extension Part {
    /// The lines, decompressed.
    func text() throws(DeliveryError) -> [UInt8] {
        guard isCompressed else { return body }
        var gunzip = Gunzip(limit: uncompressedBytes)
        do throws(GzipError) {
            return try gunzip.decompress(body.span) { bytes(of: $0) }
        } catch {
            throw DeliveryError(.transient, "a part cannot be decompressed: \(error)")
        }
    }
}
