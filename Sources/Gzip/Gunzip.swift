private import CLibdeflate

/// Why bytes could not be decompressed.
public enum GzipError: Error, Sendable, Equatable {
    /// The bytes are no gzip data, are damaged, or are cut off.
    case damaged
    /// What comes out is larger than the limit, in bytes.
    case overLimit(Int)
}

/// Tells gzip data by its two magic bytes (RFC 1952, section 2.3.1).
public func isGzip(_ bytes: Span<UInt8>) -> Bool {
    bytes.count >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b
}

/// Decompresses whole gzip buffers, of one member or several, and never writes more than a limit.
///
/// The output buffer is kept for the next call, so a decompressor is worth keeping too.
@safe public struct Gunzip: ~Copyable {
    private let decompressor: OpaquePointer
    private var buffer: UnsafeMutableRawBufferPointer
    private let limit: Int

    /// Makes a decompressor.
    ///
    /// - Parameter limit: the most bytes that may come out of one call.
    public init(limit: Int) {
        guard let decompressor = unsafe libdeflate_alloc_decompressor() else {
            preconditionFailure("out of memory: no decompressor")
        }
        unsafe self.decompressor = decompressor
        unsafe buffer = .allocate(byteCount: min(limit, 256 << 10), alignment: 16)
        self.limit = limit
    }

    deinit {
        unsafe libdeflate_free_decompressor(decompressor)
        unsafe buffer.deallocate()
    }

    /// Decompresses all members of `compressed` and lends the result to `body`.
    ///
    /// Zero bytes behind the last member are padding and ignored (as gzip's own tool does).
    ///
    /// - Throws: `GzipError`; nothing is lent then.
    public mutating func decompress<Result>(
        _ compressed: Span<UInt8>, _ body: (Span<UInt8>) -> Result
    ) throws(GzipError) -> Result {
        let count = try inflate(compressed)
        let whole = unsafe UnsafeRawBufferPointer(rebasing: buffer[..<count])
        return unsafe whole.withMemoryRebound(to: UInt8.self) { bytes in
            unsafe body(Span(_unsafeElements: bytes))
        }
    }

    /// Decompresses all members of `compressed` into an array, in which they stand once in memory.
    ///
    /// - Parameter limit: the most bytes that may come out.
    /// - Throws: `GzipError`.
    public static func array(of compressed: Span<UInt8>, limit: Int) throws(GzipError) -> [UInt8] {
        let stated = compressed.count < 18 ? 0 : statedSize(trailer: compressed)
        do throws(GzipError) {
            return try array(of: compressed, capacity: min(max(stated, 1), limit))
        } catch .overLimit where stated < limit {
            // Several members, or an untruth. Memory that nothing is written to costs nothing.
            return try array(of: compressed, capacity: limit)
        }
    }

    private static func array(of compressed: Span<UInt8>, capacity: Int) throws(GzipError) -> [UInt8] {
        var result = Swift.Result<Int, GzipError>.success(0)
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { output, count in
            unsafe result = inflate(compressed, into: UnsafeMutableRawBufferPointer(output))
            count = (try? result.get()) ?? 0
        }
        _ = try result.get()
        return bytes
    }

    /// Writes all members into memory of a fixed size.
    private static func inflate(
        _ compressed: Span<UInt8>, into output: UnsafeMutableRawBufferPointer
    ) -> Swift.Result<Int, GzipError> {
        guard let decompressor = unsafe libdeflate_alloc_decompressor() else {
            preconditionFailure("out of memory: no decompressor")
        }
        defer { unsafe libdeflate_free_decompressor(decompressor) }
        var (consumed, produced) = (0, 0)
        repeat {
            let member = compressed.extracting(consumed...)
            if consumed > 0, isPadding(member) { break }
            var (read, written) = (0, 0)
            let status = unsafe member.withUnsafeBufferPointer { input in
                unsafe libdeflate_gzip_decompress_ex(
                    decompressor, input.baseAddress, input.count, output.baseAddress.map { unsafe $0 + produced },
                    output.count - produced, &read, &written)
            }
            switch status {
            case LIBDEFLATE_SUCCESS: break
            case LIBDEFLATE_INSUFFICIENT_SPACE: return .failure(.overLimit(output.count))
            default: return .failure(.damaged)
            }
            consumed += read
            produced += written
        } while consumed < compressed.count
        return .success(produced)
    }

    private mutating func inflate(_ compressed: Span<UInt8>) throws(GzipError) -> Int {
        var consumed = 0
        var produced = 0
        reserve(compressed.count < 18 ? 0 : Self.statedSize(trailer: compressed), keeping: 0)
        repeat {
            let member = compressed.extracting(consumed...)
            if consumed > 0, Self.isPadding(member) { break }
            let (read, written) = try inflateMember(member, at: produced)
            consumed += read
            produced += written
        } while consumed < compressed.count
        return produced
    }

    private mutating func inflateMember(
        _ member: Span<UInt8>, at offset: Int
    ) throws(GzipError) -> (read: Int, written: Int) {
        while true {
            var read = 0
            var written = 0
            let status = unsafe member.withUnsafeBufferPointer { input in
                unsafe libdeflate_gzip_decompress_ex(
                    decompressor, input.baseAddress, input.count, buffer.baseAddress.map { unsafe $0 + offset },
                    buffer.count - offset, &read, &written)
            }
            switch status {
            case LIBDEFLATE_SUCCESS:
                return (read, written)
            case LIBDEFLATE_INSUFFICIENT_SPACE where unsafe buffer.count < limit:
                unsafe reserve(buffer.count * 2, keeping: offset)
            case LIBDEFLATE_INSUFFICIENT_SPACE:
                throw .overLimit(limit)
            default:
                throw .damaged
            }
        }
    }

    /// Grows the buffer to `size` bytes, within the limit; its first `count` bytes stay.
    private mutating func reserve(_ size: Int, keeping count: Int) {
        let size = min(size, limit)
        guard unsafe size > buffer.count else { return }
        let grown = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        if count > 0 {
            unsafe grown.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        unsafe buffer.deallocate()
        unsafe buffer = grown
    }

    /// What the last four bytes of gzip data say of the size of its last member (RFC 1952: ISIZE, modulo 2^32).
    ///
    /// A guess; nothing may depend on its truth.
    ///
    /// - Parameter trailer: the end of the data, four bytes at least.
    public static func statedSize(trailer: Span<UInt8>) -> Int {
        var size = 0
        for index in 0..<4 {
            size |= Int(trailer[trailer.count - 4 + index]) << (8 * index)
        }
        return size
    }

    private static func isPadding(_ bytes: Span<UInt8>) -> Bool {
        for index in bytes.indices where bytes[index] != 0 { return false }
        return true
    }
}
