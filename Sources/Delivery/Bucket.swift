package import AWS
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
    /// Its size in bytes; nil where that was not told.
    package var bytes: Int?
    /// When it was stored, in milliseconds since 1970; nil where that was not told.
    package var modified: Int64?
    /// Why it can't be opened; nil when it may be.
    package var fault: String?
    /// The name of its file below the directory, where that isn't UTF-8 and `key` shows it percent-encoded.
    fileprivate var fileName: [UInt8]?

    /// The bytes of its name: strings are equal when their bytes need not be.
    package var name: [UInt8] { fileName ?? Array(key.utf8) }

    /// Names an object.
    package init(key: String, etag: String, bytes: Int? = nil, modified: Int64? = nil) {
        self.key = key
        self.etag = etag
        self.bytes = bytes
        self.modified = modified
    }
}

/// What an object held when it was read.
package struct BucketContent: Sendable {
    /// Its bytes.
    package var bytes: [UInt8]
    /// The entity tag of just these bytes, which needn't be the one that was listed.
    package var etag: String
}

/// A bucket, or a directory that stands for one, as it is read.
package protocol Bucket: Sendable {
    /// The address, for people.
    var name: String { get }
    /// The objects under a prefix, in the order of their keys: about so many of those behind the key `after`; `isWhole`
    /// is false when there are more.
    func list(_ prefix: String, after: String?, limit: Int) async throws -> (objects: [BucketObject], isWhole: Bool)
    /// The same as `list`, with what can't be opened and why, and with names that aren't UTF-8; all at once where that is
    /// cheaper.
    ///
    /// - Throws: also when the bucket isn't there.
    func survey(_ prefix: String, after: String?, limit: Int) async throws -> (objects: [BucketObject], isWhole: Bool)
    /// What an object holds now.
    func read(_ object: BucketObject) async throws -> BucketContent
    /// An object's bytes.
    func get(_ key: String) async throws -> [UInt8]
    /// Some of an object's bytes; fewer where it ends.
    func get(_ key: String, _ range: Range<Int>) async throws -> [UInt8]
    /// Stores a text.
    func put(_ text: String, key: String) async throws
    /// Gives an object another key; whatever happens on the way, it is under one of them at least.
    func move(_ object: BucketObject, to key: String) async throws
    /// Deletes an object; it is no error when there is none.
    func delete(_ key: String) async throws
}

extension Location {
    /// The bucket or directory that a URL names, to read it.
    ///
    /// - Parameters:
    ///   - region: the bucket's; nil for the session's.
    ///   - setting: what an error names.
    /// - Throws: `SettingError` when it is none; `AWSError`.
    package func bucket(
        _ session: AWSSession?, region: String? = nil, setting: String = "--bucket"
    ) throws -> any Bucket {
        switch self {
        case .directory(let path): return DirectoryBucket(path)
        case .bucket(let bucket, let prefix):
            guard let session else { throw SettingError(setting, "needs the settings of AWS") }
            return S3Bucket(client: try S3Client(session, region: region), bucket: bucket, prefix: prefix)
        case .ingest, .standardOutput: throw SettingError(setting, "is no bucket")
        }
    }
}

extension Bucket {
    /// The first objects under a prefix.
    package func list(_ prefix: String, limit: Int) async throws -> (objects: [BucketObject], isWhole: Bool) {
        try await list(prefix, after: nil, limit: limit)
    }

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
package struct S3Bucket: Bucket {
    private let client: S3Client
    private let bucket: String
    private let prefix: String

    /// Names a bucket.
    ///
    /// - Parameter prefix: what each key begins with; empty, or with a slash at its end.
    package init(client: S3Client, bucket: String, prefix: String) {
        self.client = client
        self.bucket = bucket
        self.prefix = prefix
    }

    package var name: String { "s3://\(bucket)/\(prefix)" }

    package func list(
        _ prefix: String, after: String?, limit: Int
    ) async throws -> (objects: [BucketObject], isWhole: Bool) {
        var objects: [BucketObject] = []
        var listing = S3Listing(
            client, bucket: bucket, prefix: self.prefix + prefix, startAfter: after.map { self.prefix + $0 })
        while objects.count < limit, let page = try await listing.next(maximumKeys: limit < 1_000 ? limit : nil) {
            for object in page.objects where object.key.utf8.last != UInt8(ascii: "/") {
                objects.append(
                    BucketObject(
                        key: String(Substring(object.key.utf8.dropFirst(self.prefix.utf8.count))),
                        etag: (object.etag ?? "").filter { $0 != "\"" }, bytes: object.bytes,
                        modified: object.lastModified.flatMap { Timestamp.rfc3339Prefix(Array($0.utf8).span)?.time }))
            }
        }
        return (objects, listing.isWhole)
    }

    package func survey(
        _ prefix: String, after: String?, limit: Int
    ) async throws -> (objects: [BucketObject], isWhole: Bool) {
        try await list(prefix, after: after, limit: limit)
    }

    package func read(_ object: BucketObject) async throws -> BucketContent {
        let answer = try await client.get(bucket: bucket, key: prefix + object.key)
        return BucketContent(bytes: answer.body, etag: answer.info.etag?.filter { $0 != "\"" } ?? object.etag)
    }

    package func get(_ key: String) async throws -> [UInt8] {
        try await client.get(bucket: bucket, key: prefix + key).body
    }

    package func get(_ key: String, _ range: Range<Int>) async throws -> [UInt8] {
        do throws(AWSError) {
            return try await client.get(bucket: bucket, key: prefix + key, range: range).body
        } catch {
            if error.status == 416 { return [] }
            throw error
        }
    }

    package func put(_ text: String, key: String) async throws {
        _ = try await client.put(
            Array(text.utf8), bucket: bucket, key: prefix + key, S3Attributes(contentType: "text/plain"))
    }

    package func move(_ object: BucketObject, to key: String) async throws {
        try await client.copy(
            bucket: bucket, from: prefix + object.key, to: prefix + key,
            ifMatch: object.etag.isEmpty ? nil : object.etag)
        try await delete(object.key)
    }

    package func delete(_ key: String) async throws {
        try await client.delete(bucket: bucket, key: prefix + key)
    }
}

/// A directory.
package struct DirectoryBucket: Bucket {
    private let path: String

    /// Names a directory.
    package init(_ path: String) {
        self.path = path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    package var name: String { "file://\(path)/" }

    package func list(
        _ prefix: String, after: String?, limit: Int
    ) async throws -> (objects: [BucketObject], isWhole: Bool) {
        // A prefix may be a whole key.
        if !prefix.isEmpty, let object = Self.object(prefix, at: "\(path)/\(prefix)") { return ([object], true) }
        let objects = objects(prefix).filter { object in
            object.fault == nil && object.fileName == nil
                && after.map { $0.utf8.lexicographicallyPrecedes(object.key.utf8) } != false
        }
        return (Array(objects.prefix(limit)), objects.count <= limit)
    }

    package func survey(
        _ prefix: String, after: String?, limit: Int
    ) async throws -> (objects: [BucketObject], isWhole: Bool) {
        guard FileManager.default.fileExists(atPath: path) else {
            throw DeliveryError(
                .configuration,
                "the directory \(path) doesn't exist, so none of its records is counted; create it or correct --bucket")
        }
        return (objects(prefix), true)
    }

    /// Everything under a prefix, also what can't be opened, in the order of the names' bytes.
    private func objects(_ prefix: String) -> [BucketObject] {
        let root = prefix.isEmpty ? path : "\(path)/\(prefix)"
        guard FileManager.default.fileExists(atPath: root) else { return [] }
        var walk = DirectoryWalk(root.hasSuffix("/") ? String(root.dropLast()) : root)
        walk.read()
        return walk.entries.map { Self.object($0, prefix) }
    }

    private static func object(_ entry: DirectoryWalk.Entry, _ prefix: String) -> BucketObject {
        let name = DirectoryWalk.key(Array(prefix.utf8) + entry.name)
        var object = BucketObject(key: name.key, etag: "")
        if let status = entry.status, entry.fault == nil { object = self.object(name.key, status) }
        object.fault = entry.fault
        if name.isEncoded {
            // Another file may be called what this one is shown as.
            object.etag = "bytes-\(object.etag)"
            object.fileName = Array(prefix.utf8) + entry.name
        }
        return object
    }

    package func read(_ object: BucketObject) async throws -> BucketContent {
        let path = DirectoryWalk.path(Array("\(path)/".utf8) + object.name)
        // Nothing but a regular file is opened, and opening what has become a pipe meanwhile must not wait.
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Errno.noSuchFileOrDirectory
        }
        let number = unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard number >= 0 else { throw Errno(rawValue: errno) }
        let file = FileDescriptor(rawValue: number)
        return try file.closeAfter {
            guard unsafe fstat(number, &status) == 0 else { throw Errno(rawValue: errno) }
            guard status.st_mode & S_IFMT == S_IFREG else { throw Errno.noSuchFileOrDirectory }
            let etag = Self.object(object.key, status).etag
            return BucketContent(
                bytes: try Self.bytes(file, 0..<Int(status.st_size)),
                etag: object.fileName == nil ? etag : "bytes-\(etag)")
        }
    }

    /// Size and time of the last change of a file; nil for anything else.
    private static func object(_ key: String, at path: String) -> BucketObject? {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return object(key, status)
    }

    private static func object(_ key: String, _ status: stat) -> BucketObject {
        #if canImport(Glibc)
            let time = status.st_mtim
        #else
            let time = status.st_mtimespec
        #endif
        return BucketObject(
            key: key, etag: "\(status.st_size)-\(time.tv_sec).\(time.tv_nsec)", bytes: Int(status.st_size),
            modified: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
    }

    package func get(_ key: String) async throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: "\(path)/\(key)")))
    }

    package func get(_ key: String, _ range: Range<Int>) async throws -> [UInt8] {
        let file = try FileDescriptor.open(FilePath("\(path)/\(key)"), .readOnly)
        return try file.closeAfter { try Self.bytes(file, range) }
    }

    private static func bytes(_ file: FileDescriptor, _ range: Range<Int>) throws -> [UInt8] {
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
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    package func put(_ text: String, key: String) async throws {
        try makeFolder(of: key)
        try Data(text.utf8).write(to: URL(filePath: "\(path)/\(key)"), options: .atomic)
    }

    package func move(_ object: BucketObject, to key: String) async throws {
        try makeFolder(of: key)
        let status = unsafe rename("\(path)/\(object.key)", "\(path)/\(key)")
        if status != 0 { throw Errno(rawValue: errno) }
    }

    package func delete(_ key: String) async throws {
        let status = unsafe unlink("\(path)/\(key)")
        if status != 0, errno != ENOENT { throw Errno(rawValue: errno) }
    }

    private func makeFolder(of key: String) throws {
        let file = "\(path)/\(key)"
        let folder = String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)])
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
}
