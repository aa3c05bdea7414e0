private import CLibdeflate

/// Compresses whole buffers to gzip.
///
/// The same bytes always give the same output, so an object that is written twice is the same object.
@safe public struct GzipCompressor: ~Copyable {
    private let compressor: OpaquePointer

    /// Makes a compressor.
    ///
    /// - Parameter level: 1 (fast) to 12 (small).
    public init(level: Int = 6) {
        guard let compressor = unsafe libdeflate_alloc_compressor(Int32(level)) else {
            preconditionFailure("out of memory, or no such level: \(level)")
        }
        unsafe self.compressor = compressor
    }

    deinit {
        unsafe libdeflate_free_compressor(compressor)
    }

    /// Appends one gzip member that holds `bytes` to `output`.
    public mutating func compress(_ bytes: Span<UInt8>, into output: inout [UInt8]) {
        let bound = unsafe libdeflate_gzip_compress_bound(compressor, bytes.count)
        let member = unsafe [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            count = unsafe bytes.withUnsafeBufferPointer { input in
                unsafe libdeflate_gzip_compress(
                    compressor, input.baseAddress, input.count, buffer.baseAddress, buffer.count)
            }
        }
        precondition(!member.isEmpty, "the output of gzip always fits its bound")
        output.append(contentsOf: member)
    }
}

/// Compresses `bytes` to one gzip member.
public func gzip(_ bytes: [UInt8], level: Int = 6) -> [UInt8] {
    var compressor = GzipCompressor(level: level)
    var output: [UInt8] = []
    compressor.compress(bytes.span, into: &output)
    return output
}
