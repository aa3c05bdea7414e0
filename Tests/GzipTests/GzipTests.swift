import Gzip
import Testing

@Suite("Gzip")
struct GzipTests {
    private let text = Array(String(repeating: "amberflo_meter: {\"meterValue\":1}\n", count: 5_000).utf8)

    private func decompress(_ bytes: [UInt8], limit: Int = 64 << 20) throws(GzipError) -> [UInt8] {
        do throws(GzipError) {
            let array = try Gunzip.array(of: bytes.span, limit: limit)
            #expect(array == (try decompressLent(bytes, limit: limit)))
            return array
        } catch {
            #expect(throws: error) { try decompressLent(bytes, limit: limit) }
            throw error
        }
    }

    private func decompressLent(_ bytes: [UInt8], limit: Int) throws(GzipError) -> [UInt8] {
        var gunzip = Gunzip(limit: limit)
        return try gunzip.decompress(bytes.span) { span in span.withUnsafeBufferPointer { Array($0) } }
    }

    @Test("gives back what was compressed, of one member and of several")
    func roundTrip() throws {
        #expect(try decompress(gzip(text)) == text)
        #expect(try decompress(gzip([])) == [])
        #expect(try decompress(gzip(text) + gzip([]) + gzip(text)) == text + text)
    }

    @Test("ignores padding behind the last member, and nothing else")
    func padding() throws {
        #expect(try decompress(gzip(text) + [0, 0, 0]) == text)
        #expect(throws: GzipError.damaged) { try decompress(gzip(text) + [0, 1]) }
    }

    @Test("refuses damaged and cut data")
    func damage() {
        var damaged = gzip(text)
        damaged[damaged.count / 2] ^= 0xff
        #expect(throws: GzipError.damaged) { try decompress(damaged) }
        #expect(throws: GzipError.damaged) { try decompress(Array(gzip(text).dropLast(9))) }
        #expect(throws: GzipError.damaged) { try decompress([0x1f, 0x8b]) }
    }

    @Test("never writes more than its limit, whatever the data says of its size")
    func limit() throws {
        #expect(try decompress(gzip(text), limit: text.count) == text)
        #expect(throws: GzipError.overLimit(text.count - 1)) { try decompress(gzip(text), limit: text.count - 1) }
        var lying = gzip(text)
        lying.replaceSubrange((lying.count - 4)..., with: [1, 0, 0, 0])
        #expect(throws: GzipError.self) { try decompress(lying, limit: 1_000) }
        #expect(throws: GzipError.overLimit(text.count)) { try decompress(gzip(text) + gzip(text), limit: text.count) }
    }

    @Test("streams give the same, however the input is cut", arguments: [1, 7, 1_000, 1 << 20])
    func stream(pieceBytes: Int) throws {
        let input = gzip(text) + gzip(Array("more".utf8)) + [0, 0]
        var stream = InflateStream()
        var output: [UInt8] = []
        var start = 0
        while start < input.count {
            let end = min(input.count, start + pieceBytes)
            try stream.decompress(input.span.extracting(start..<end)) { span in
                span.withUnsafeBufferPointer { output.append(contentsOf: $0) }
            }
            start = end
        }
        try stream.finish()
        #expect(output == text + Array("more".utf8))
    }

    @Test("a stream that is cut off says so at its end, and gives what stands before")
    func cutStream() throws {
        var stream = InflateStream()
        var count = 0
        try stream.decompress(Array(gzip(text).dropLast(20)).span) { count += $0.count }
        #expect(count > 0)
        #expect(throws: GzipError.damaged) { try stream.finish() }
    }

    @Test("a writer gives one member, the same for the same bytes however they come")
    func writer() throws {
        func written(_ bytes: [UInt8], pieceBytes: Int) -> [UInt8] {
            var writer = GzipWriter()
            var start = 0
            while start < bytes.count {
                let end = min(bytes.count, start + pieceBytes)
                writer.append(Array(bytes[start..<end]))
                start = end
            }
            return writer.finish()
        }
        #expect(written(text, pieceBytes: 100) == gzip(text))
        #expect(written([], pieceBytes: 1) == gzip([]))
        let large = Array(repeatElement(text, count: 100).joined())
        try #require(large.count > GzipWriter.bufferBytes)
        let pieces = written(large, pieceBytes: 1 << 20)
        #expect(try decompress(pieces) == large)
        #expect(pieces == written(large, pieceBytes: (1 << 20)))
    }
}
