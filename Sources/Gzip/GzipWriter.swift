private import CZlib

/// Collects bytes of any number into one gzip member.
///
/// What stays below `bufferBytes` is compressed as a whole, which is about twice as fast; more goes through a stream in
/// constant memory. The same bytes always give the same output, however they were cut into pieces.
public struct GzipWriter: ~Copyable {
    /// How many bytes are collected before the stream begins: 8 MiB.
    public static let bufferBytes = 8 << 20

    private let level: Int
    private var buffer: [UInt8] = []
    private var stream: DeflateStream?
    /// How many bytes went in.
    public private(set) var count = 0

    /// Makes a writer.
    ///
    /// - Parameter level: 1 (fast) to 9 (small).
    public init(level: Int = 6) {
        self.level = level
    }

    /// Takes the next bytes.
    public mutating func append(_ bytes: [UInt8]) {
        count += bytes.count
        if stream == nil, buffer.count + bytes.count > Self.bufferBytes {
            stream = DeflateStream(level: level)
            stream?.compress(buffer, isLast: false)
            buffer = []
        }
        if stream != nil {
            stream?.compress(bytes, isLast: false)
        } else {
            buffer.append(contentsOf: bytes)
        }
    }

    /// The finished member.
    public consuming func finish() -> [UInt8] {
        guard var stream = stream.take() else { return gzip(buffer, level: level) }
        stream.compress([], isLast: true)
        return stream.output
    }
}

/// Compression to one gzip member piece by piece.
@safe struct DeflateStream: ~Copyable {
    private let stream: UnsafeMutablePointer<z_stream>
    private(set) var output: [UInt8] = []

    init(level: Int) {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        // 15 bits of window; 16 more ask for the gzip format. 8 is the usual use of memory.
        let status = unsafe deflateInit2_(
            stream, Int32(level), Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "out of memory: no compressor")
    }

    deinit {
        unsafe deflateEnd(stream)
        unsafe stream.deallocate()
    }

    mutating func compress(_ bytes: [UInt8], isLast: Bool) {
        var input = bytes
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        unsafe input.withUnsafeMutableBufferPointer { source in
            unsafe stream.pointee.next_in = source.baseAddress
            unsafe stream.pointee.avail_in = UInt32(source.count)
            var isFull = true
            while isFull {
                let written = unsafe chunk.withUnsafeMutableBufferPointer { target in
                    unsafe stream.pointee.next_out = target.baseAddress
                    unsafe stream.pointee.avail_out = UInt32(target.count)
                    unsafe deflate(stream, isLast ? Z_FINISH : Z_NO_FLUSH)
                    return unsafe target.count - Int(stream.pointee.avail_out)
                }
                output.append(contentsOf: chunk[..<written])
                isFull = written == chunk.count
            }
        }
    }
}
