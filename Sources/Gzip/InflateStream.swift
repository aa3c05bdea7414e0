private import CZlib

/// Decompresses a gzip stream of unknown length piece by piece, in constant memory.
///
/// Several members that follow one another are one stream; zero bytes behind the last are ignored.
@safe public struct InflateStream: ~Copyable {
    private let stream: UnsafeMutablePointer<z_stream>
    private var isAtMemberStart = true
    private var hasMember = false

    /// The size of one piece of output, in bytes.
    private static let chunkBytes = 256 << 10

    /// Makes a stream that expects the first member's header.
    public init() {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        // 15 bits of window; 16 more ask for the gzip format.
        let status = unsafe inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "out of memory: no decompressor")
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// Decompresses the next piece of input and hands on what comes out, in order.
    ///
    /// - Throws: `GzipError.damaged`, or what `body` throws. What was handed on before the damage is good.
    public mutating func decompress(_ input: Span<UInt8>, _ body: (Span<UInt8>) throws -> Void) throws {
        var consumed = 0
        var output = [UInt8](repeating: 0, count: Self.chunkBytes)
        var isOutputWaiting = false
        while consumed < input.count || isOutputWaiting {
            if isAtMemberStart, hasMember, input[consumed] == 0 {
                consumed += 1
                continue
            }
            let (read, written) = try step(input.extracting(consumed...), into: &output)
            consumed += read
            isOutputWaiting = written == output.count && !isAtMemberStart
            if written > 0 { try body(output.span.extracting(..<written)) }
        }
    }

    /// Tells that the input is at its end.
    ///
    /// - Throws: `GzipError.damaged` when the last member is cut off.
    public func finish() throws(GzipError) {
        guard isAtMemberStart else { throw .damaged }
    }

    private mutating func step(
        _ input: Span<UInt8>, into output: inout [UInt8]
    ) throws(GzipError) -> (read: Int, written: Int) {
        isAtMemberStart = false
        var read = 0
        var written = 0
        let status = unsafe input.withUnsafeBufferPointer { source in
            unsafe output.withUnsafeMutableBufferPointer { target in
                let available = min(source.count, Int(UInt32.max))
                unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
                unsafe stream.pointee.avail_in = UInt32(available)
                unsafe stream.pointee.next_out = target.baseAddress
                unsafe stream.pointee.avail_out = UInt32(target.count)
                let status = unsafe CZlib.inflate(stream, Z_NO_FLUSH)
                read = unsafe available - Int(stream.pointee.avail_in)
                written = unsafe target.count - Int(stream.pointee.avail_out)
                return status
            }
        }
        switch status {
        case Z_STREAM_END:
            unsafe inflateReset(stream)
            isAtMemberStart = true
            hasMember = true
        case Z_OK:
            break
        case Z_BUF_ERROR where input.isEmpty:
            // The output had just been taken whole; the stream wants more input, which is no error.
            break
        default:
            throw .damaged
        }
        return (read, written)
    }
}
