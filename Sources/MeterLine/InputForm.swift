/// The form of input that isn't text, recognized by its first bytes.
package enum InputForm: String, Sendable {
    case gzip = "compressed with gzip too often"
    case zip = "a zip archive"
    case sevenZip = "a 7z archive"
    case zstd = "compressed with zstd"
    case bzip2 = "compressed with bzip2"
    case xz = "compressed with xz"
    case lz4 = "compressed with lz4"
    case snappy = "compressed with Snappy"
    case compress = "compressed with compress"
    case zlib = "compressed with zlib"
    case parquet = "a Parquet file"
    case avro = "an Avro file"
    case utf16 = "text in UTF-16"
    case utf32 = "text in UTF-32"
    case unknown = "not text, but in an unknown binary form"

    /// How many bytes tell the form.
    private static let sampleBytes = 1 << 10

    private static let beginnings: [(bytes: [UInt8], form: InputForm)] = [
        ([0x1f, 0x8b], .gzip), (Array("PK\u{3}\u{4}".utf8), .zip), (Array("PK\u{5}\u{6}".utf8), .zip),
        ([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], .sevenZip),
        ([0x28, 0xb5, 0x2f, 0xfd], .zstd), ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], .xz),
        ([0x04, 0x22, 0x4d, 0x18], .lz4), ([0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59], .snappy),
        ([0x1f, 0x9d], .compress), ([0x1f, 0xa0], .compress),
        ([0x78, 0x9c], .zlib), ([0x78, 0xda], .zlib), ([0x78, 0x01], .zlib),
        (Array("PAR1".utf8), .parquet), (Array("Obj\u{1}".utf8), .avro),
        ([0xff, 0xfe, 0x00, 0x00], .utf32), ([0x00, 0x00, 0xfe, 0xff], .utf32),
        ([0xff, 0xfe], .utf16), ([0xfe, 0xff], .utf16),
    ]

    /// The form of input that begins with some bytes; nil for text.
    ///
    /// Text need be no UTF-8: what an old application writes may be in any encoding that ASCII is a part of.
    package init?(_ text: Span<UInt8>) {
        let beginning = bytes(of: text.extracting(..<min(text.count, 16)))
        if let known = Self.beginnings.first(where: { beginning.starts(with: $0.bytes) }) {
            self = known.form
            return
        }
        let sample = Sample(text.extracting(..<min(text.count, Self.sampleBytes)))
        if Self.isBzip2(beginning) {
            self = .bzip2
        } else if sample.isEverySecondByteZero {
            self = .utf16
        } else if sample.hasManyControls {
            self = .unknown
        } else {
            return nil
        }
    }

    /// What a reject of the input says.
    package var detail: String {
        switch self {
        case .utf16, .utf32: "the input is \(rawValue); convert it to UTF-8 (iconv -t UTF-8) and read it again"
        case .unknown: "the input is \(rawValue); Metertap reads text, plain or compressed with gzip"
        case .parquet, .avro:
            "the input is \(rawValue), which Metertap doesn't read; write its log lines to a text file"
        default: "the input is \(rawValue), which Metertap doesn't read; unpack it, or compress it with gzip"
        }
    }

    /// The magic number of the format, a block size, and the one of a block or of the end.
    private static func isBzip2(_ sample: [UInt8]) -> Bool {
        guard sample.count >= 10, sample.starts(with: Array("BZh".utf8)), (0x31...0x39).contains(sample[3]) else {
            return false
        }
        let block = sample[4..<10]
        return block.elementsEqual([0x31, 0x41, 0x59, 0x26, 0x53, 0x59])
            || block.elementsEqual([0x17, 0x72, 0x45, 0x38, 0x50, 0x90])
    }
}

/// Which bytes there are at the beginning of input.
private struct Sample {
    private let count: Int
    private var zeros = (even: 0, odd: 0)
    /// Control characters that no text has, but for zeros: a file that was emptied while it was written begins with these.
    private var controls = 0

    init(_ bytes: Span<UInt8>) {
        count = bytes.count
        for index in bytes.indices where bytes[index] < 0x20 {
            let byte = bytes[index]
            if byte != 0, !(0x08...0x0d).contains(byte), byte != 0x1b { controls += 1 }
            guard byte == 0 else { continue }
            if index % 2 == 0 { zeros.even += 1 } else { zeros.odd += 1 }
        }
    }

    /// Whether it looks like UTF-16 without a byte order mark.
    var isEverySecondByteZero: Bool {
        let half = count / 2
        return half >= 4 && max(zeros.even, zeros.odd) * 10 >= half * 9 && min(zeros.even, zeros.odd) * 10 <= half
    }

    /// Whether more than every twentieth byte is a control character.
    var hasManyControls: Bool { controls >= 8 && controls * 20 > count }
}
