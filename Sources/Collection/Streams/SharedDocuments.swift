package import AWS
import Delivery
import SystemPackage

#if canImport(Glibc)
    private import Glibc
#else
    private import Darwin
#endif

/// Small documents that several processes change, none of them over what it has not seen.
package protocol SharedDocuments: Sendable {
    /// The names below a folder, each with the version of its document.
    func versions(in folder: String) async throws -> [String: String]

    /// A document with its version; nil when there is none.
    func read(_ name: String) async throws -> (content: [UInt8], version: String)?

    /// Replaces a document, or makes it.
    ///
    /// - Parameter version: the version that is replaced; nil where there must be none.
    /// - Returns: the new version; nil when another version is there.
    func write(_ content: [UInt8], to name: String, replacing version: String?) async throws -> String?

    /// The place, for people.
    var name: String { get }
}

/// Documents in a bucket; S3 compares versions (`If-Match`, `If-None-Match`).
package struct BucketDocuments: SharedDocuments {
    private let client: S3Client
    private let bucket: String
    private let prefix: String
    private let patience: Duration

    /// - Parameters:
    ///   - prefix: what each key begins with; empty, or with a slash at its end.
    ///   - patience: the longest time for one call with its retries.
    package init(client: S3Client, bucket: String, prefix: String, patience: Duration) {
        self.client = client
        self.bucket = bucket
        self.prefix = prefix
        self.patience = patience
    }

    package var name: String { "s3://\(bucket)/\(prefix)" }

    private var deadline: ContinuousClock.Instant { .now + patience }

    package func versions(in folder: String) async throws -> [String: String] {
        var versions: [String: String] = [:]
        var listing = S3Listing(client, bucket: bucket, prefix: "\(prefix)\(folder)/")
        while let page = try await listing.next(deadline: deadline) {
            for entry in page.objects {
                versions[String(entry.key.dropFirst(prefix.count))] = Self.bare(entry.etag ?? "")
            }
        }
        return versions
    }

    package func read(_ name: String) async throws -> (content: [UInt8], version: String)? {
        do throws(AWSError) {
            let object = try await client.get(bucket: bucket, key: prefix + name, deadline: deadline)
            return (object.body, Self.bare(object.info.etag ?? ""))
        } catch {
            if error.isMissingKey { return nil }
            throw error
        }
    }

    package func write(_ content: [UInt8], to name: String, replacing version: String?) async throws -> String? {
        let etag = try await client.put(
            content, bucket: bucket, key: prefix + name, replacing: version.map { "\"\($0)\"" },
            contentType: "application/json", deadline: deadline)
        if let etag { return Self.bare(etag) }
        // An attempt may have succeeded and its answer been lost; then the next one met our own document.
        guard let found = try await read(name), found.content == content else { return nil }
        return found.version
    }

    /// Servers do not agree on where the quotation marks stand.
    private static func bare(_ etag: String) -> String { etag.filter { $0 != "\"" } }
}

/// Documents in a directory of this machine; a lock keeps its processes apart.
///
/// A directory that several machines share (NFS) does for one collector alone, since its locks are not to be relied on.
package struct DirectoryDocuments: SharedDocuments {
    private let directory: FilePath

    package init(_ directory: String) {
        self.directory = FilePath(directory)
    }

    package var name: String { "file://\(directory.string)/" }

    package func versions(in folder: String) async throws -> [String: String] {
        var versions: [String: String] = [:]
        let path = directory.appending(folder)
        for file in try DurableFile.names(in: path) where !file.hasPrefix(".") && file.hasSuffix(".json") {
            let name = "\(folder)/\(file)"
            versions[name] = try await read(name)?.version
        }
        return versions
    }

    package func read(_ name: String) async throws -> (content: [UInt8], version: String)? {
        // Documents are small, so that one can be its own version.
        try DurableFile.read(directory.appending(name)).map { ($0, String(decoding: $0, as: UTF8.self)) }
    }

    package func write(_ content: [UInt8], to name: String, replacing version: String?) async throws -> String? {
        let path = directory.appending(name)
        try DurableFile.makeDirectory(path.removingLastComponent())
        return try Self.locked(directory.appending(".lock")) { () throws in
            let found = try DurableFile.read(path).map { String(decoding: $0, as: UTF8.self) }
            guard found == version else { return nil }
            try DurableFile.write(content, to: path)
            return String(decoding: content, as: UTF8.self)
        }
    }

    private static func locked<Result>(_ path: FilePath, _ body: () throws -> Result) throws -> Result {
        let file = try FileDescriptor.open(
            path, .readWrite, options: [.create, .closeOnExec], permissions: [.ownerReadWrite])
        // Closing it unlocks it.
        return try file.closeAfter {
            guard flock(file.rawValue, LOCK_EX) == 0 else { throw Errno(rawValue: errno) }
            return try body()
        }
    }
}
