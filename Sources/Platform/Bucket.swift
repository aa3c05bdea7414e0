import AWS
import Delivery
import FoundationEssentials
import MeterLine
import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One object of a bucket.
package struct BucketObject: Sendable {
    /// The key below the bucket's prefix.
    package var key: String
    /// What tells two contents under one key apart.
    package var etag: String
}

/// A bucket, or a directory that stands for one, as intake reads it.
package protocol Bucket: Sendable {
    /// The address, for people.
    var name: String { get }
    /// The objects under a prefix, at most so many; `isWhole` is false when there are more.
    func list(_ prefix: String, limit: Int) async throws -> (objects: [BucketObject], isWhole: Bool)
    /// An object's bytes.
    func get(_ key: String) async throws -> [UInt8]
    /// Some of an object's bytes; fewer where it ends.
    func get(_ key: String, _ range: Range<Int>) async throws -> [UInt8]
    /// Stores a text.
    func put(_ text: String, key: String) async throws
}

extension Bucket {
    private static var millisecondsOfDay: Int64 { 86_400_000 }

    /// Reads every object of a folder that may be about a range of log event times, day by day.
    ///
    /// An object's date is that of its newest log event, or of its arrival; a log event's time may be a bit ahead.
    ///
    /// - Parameters:
    ///   - folder: what stands before the date in a key, for example `ingest/records`.
    ///   - body: takes each object's bytes and key, and how many there were with it.
    package func readObjects(
        of folder: String, about times: Range<Int64>, now: Int64, _ body: ([UInt8], String, Int) throws -> Void
    ) async throws {
        var count = 0
        let end = max(now, times.upperBound) + Self.millisecondsOfDay
        for day in stride(from: times.lowerBound - Self.millisecondsOfDay, to: end, by: Int(Self.millisecondsOfDay)) {
            for object in try await list("\(folder)/\(Timestamp.date(day))/", limit: .max).objects {
                count += 1
                try body(try await get(object.key), object.key, count)
            }
        }
    }
}

/// A bucket on S3.
struct S3Bucket: Bucket {
    private let client: S3Client
    private let bucket: String
    private let prefix: String

    init(client: S3Client, bucket: String, prefix: String) {
        self.client = client
        self.bucket = bucket
        self.prefix = prefix
    }

    var name: String { "s3://\(bucket)/\(prefix)" }

    func list(_ prefix: String, limit: Int) async throws -> (objects: [BucketObject], isWhole: Bool) {
        var objects: [BucketObject] = []
        var continuation: String?
        repeat {
            let page = try await client.list(
                bucket: bucket, prefix: self.prefix + prefix, continuation: continuation)
            for object in page.objects where !object.key.hasSuffix("/") {
                objects.append(
                    BucketObject(
                        key: String(object.key.dropFirst(self.prefix.count)),
                        etag: (object.etag ?? "").filter { $0 != "\"" }))
            }
            continuation = page.continuation
        } while continuation != nil && objects.count < limit
        return (objects, continuation == nil)
    }

    func get(_ key: String) async throws -> [UInt8] {
        try await client.get(bucket: bucket, key: prefix + key).body
    }

    func get(_ key: String, _ range: Range<Int>) async throws -> [UInt8] {
        do throws(AWSError) {
            return try await client.get(bucket: bucket, key: prefix + key, range: range).body
        } catch {
            if error.status == 416 { return [] }
            throw error
        }
    }

    func put(_ text: String, key: String) async throws {
        _ = try await client.put(Array(text.utf8), bucket: bucket, key: prefix + key, contentType: "text/plain")
    }
}

/// A directory.
struct DirectoryBucket: Bucket {
    private let path: String

    init(_ path: String) {
        self.path = path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    var name: String { "file://\(path)/" }

    func list(_ prefix: String, limit: Int) async throws -> (objects: [BucketObject], isWhole: Bool) {
        var objects: [BucketObject] = []
        let root = prefix.isEmpty ? path : "\(path)/\(prefix)"
        guard FileManager.default.fileExists(atPath: root) else { return ([], true) }
        for name in try FileManager.default.subpathsOfDirectory(atPath: root).sorted() {
            let isHidden = name.split(separator: "/").contains { $0.hasPrefix(".") }
            guard !isHidden, let etag = Self.etag("\(root)/\(name)") else { continue }
            if objects.count == limit { return (objects, false) }
            objects.append(BucketObject(key: prefix + name, etag: etag))
        }
        return (objects, true)
    }

    /// Size and time of the last change of a file; nil for anything else.
    private static func etag(_ path: String) -> String? {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        #if canImport(Glibc)
            let time = status.st_mtim
        #else
            let time = status.st_mtimespec
        #endif
        return "\(status.st_size)-\(time.tv_sec).\(time.tv_nsec)"
    }

    func get(_ key: String) async throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: "\(path)/\(key)")))
    }

    func get(_ key: String, _ range: Range<Int>) async throws -> [UInt8] {
        let file = try FileDescriptor.open(FilePath("\(path)/\(key)"), .readOnly)
        return try file.closeAfter {
            var bytes = [UInt8](repeating: 0, count: range.count)
            var count = 0
            while count < bytes.count {
                let read = try unsafe bytes.withUnsafeMutableBytes {
                    try unsafe file.read(
                        fromAbsoluteOffset: Int64(range.lowerBound + count),
                        into: UnsafeMutableRawBufferPointer(rebasing: $0[count...]))
                }
                if read == 0 { break }
                count += read
            }
            return Array(bytes[..<count])
        }
    }

    func put(_ text: String, key: String) async throws {
        let file = "\(path)/\(key)"
        let folder = String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)])
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: file), options: .atomic)
    }
}
