import Crypto

/// The identity of records that bring none of their own.
package enum Identity {
    /// The first 128 bits, in lower-case hex, of SHA-256 over owner, log group, log stream, event id and ordinal,
    /// joined by NUL.
    ///
    /// It depends on nothing but the log event, so every path and every retry gives the same.
    package static func uniqueId(of origin: EventOrigin, ordinal: Int) -> String {
        var hash = SHA256()
        var text = origin.account
        text.reserveCapacity(256)
        for part in [origin.logGroup, origin.logStream, origin.eventId, String(ordinal)] {
            text += "\0"
            text += part
        }
        hash.update(data: Array(text.utf8))
        return hexadecimal(hash.finalize().prefix(16))
    }

    /// The hash over what all events of one log stream have in common; the event's id must follow, NUL, and the ordinal.
    struct Beginning {
        let hash: SHA256

        init(account: String, logGroup: String, logStream: String) {
            var hash = SHA256()
            hash.update(data: Array("\(account)\0\(logGroup)\0\(logStream)\0".utf8))
            self.hash = hash
        }
    }
}

/// Bytes in lower-case hexadecimal.
package func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits: [UInt8] = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(64)
    for byte in bytes {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}
