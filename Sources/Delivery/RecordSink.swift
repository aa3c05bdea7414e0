import Gzip
import MeterLine
import SystemPackage

/// Where records go.
public protocol RecordSink: Sendable {
    /// Stores the records of a part durably before it returns.
    ///
    /// - Returns: the lines that the sink refused for good, by their place in the part, with its reason.
    /// - Throws: `DeliveryError` when the rest of the part is not known to be durable.
    func deliver(_ part: Part, deadline: ContinuousClock.Instant?) async throws(DeliveryError) -> [RefusedLine]

    /// The most records of a part; nil for any number.
    var maximumRecords: Int? { get }

    /// The place, for people.
    var name: String { get }
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
    public func deliver(
        _ part: Part, deadline: ContinuousClock.Instant?
    ) async throws(DeliveryError) -> [RefusedLine] {
        try await store.put(part, deadline: deadline)
        return []
    }
}

/// Records as lines on stdout.
public struct StandardOutputSink: RecordSink {
    /// Delivers to stdout.
    public init() {}

    /// Any number.
    public var maximumRecords: Int? { nil }

    /// Stdout.
    public var name: String { "stdout" }

    /// Writes the lines.
    public func deliver(
        _ part: Part, deadline: ContinuousClock.Instant?
    ) async throws(DeliveryError) -> [RefusedLine] {
        do {
            try FileDescriptor.standardOutput.writeAll(part.text())
        } catch {
            throw DeliveryError(.transient, "stdout cannot be written: \(error)")
        }
        return []
    }
}

extension Part {
    /// The lines, decompressed.
    func text() throws(DeliveryError) -> [UInt8] {
        var gunzip = Gunzip(limit: uncompressedBytes)
        do throws(GzipError) {
            return try gunzip.decompress(body.span) { bytes(of: $0) }
        } catch {
            throw DeliveryError(.transient, "a part cannot be decompressed: \(error)")
        }
    }
}
