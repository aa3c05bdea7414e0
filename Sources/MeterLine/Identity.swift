import Crypto

/// The identity of records that bring none of their own.
package enum Identity {
    /// How many characters an identity has.
    static let length = 32

    /// The first 128 bits, in lower-case hex, of SHA-256 over owner, log group, log stream, event id and ordinal,
    /// joined by NUL.
    ///
    /// It depends on nothing but the log event, so every path and every retry gives the same.
    package static func uniqueId(of origin: EventOrigin, ordinal: Int) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(256)
        text.append(contentsOf: origin.account.utf8)
        text.append(0)
        text.append(contentsOf: origin.logGroup.utf8)
        text.append(0)
        text.append(contentsOf: origin.logStream.utf8)
        text.append(0)
        text.append(contentsOf: origin.eventId.utf8)
        text.append(0)
        text.append(contentsOf: String(ordinal).utf8)
        return uniqueId(SHA256.hash(data: text))
    }

    private static func uniqueId(_ digest: SHA256.Digest) -> String {
        unsafe digest.withUnsafeBytes { unsafe hexadecimal($0.prefix(16)) }
    }

    /// The hash over what all events of one log stream have in common; the event's id must follow, NUL, and the ordinal.
    struct Beginning {
        /// Stands where no identity is made.
        static let ofNothing = Beginning(account: "", logGroup: "", logStream: "")

        let hash: SHA256

        init(account: String, logGroup: String, logStream: String) {
            var hash = SHA256()
            hash.update(data: Array("\(account)\0\(logGroup)\0\(logStream)\0".utf8))
            self.hash = hash
        }

        /// The identity of a record of the event whose id stands in a text.
        func uniqueId(_ text: ByteText, _ id: Range<Int>, ordinal: Int) -> String {
            var hash = hash
            unsafe text.withBytes(id) { unsafe hash.update(bufferPointer: $0) }
            hash.update(data: Array("\0\(ordinal)".utf8))
            return Identity.uniqueId(hash.finalize())
        }
    }
}

/// Bytes in lower-case hexadecimal.
package func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    func digit(_ half: UInt8) -> UInt8 { half + (half < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10) }
    var text: [UInt8] = []
    text.reserveCapacity(64)
    for byte in bytes {
        text.append(digit(byte >> 4))
        text.append(digit(byte & 15))
    }
    return String(decoding: text, as: UTF8.self)
}
