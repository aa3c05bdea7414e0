import Crypto
import Meter

/// What makes two records of one meter and customer the same: 128 bits of a hash.
struct RecordKey {
    /// The bytes of the hash.
    let bytes: [UInt8]
    /// Whether the time is no part of it, so that it is looked for at every hour.
    let isTimeless: Bool

    /// The key of a record; a cancel has the key of the record that it takes back.
    init(_ record: ReceivedRecord, deduplication: MeterDefinition.Deduplication) {
        var packed = PackedBytes()
        if deduplication == .uniqueId, let uniqueId = record.uniqueId {
            isTimeless = true
            packed.append("uniqueId")
            packed.append(uniqueId)
        } else {
            isTimeless = record.isTimeless && record.uniqueId != nil
            packed.append(isTimeless ? "timeless" : "record")
            packed.append(isTimeless ? 0 : UInt64(bitPattern: record.meterTimeInMillis))
            packed.append(record.uniqueId == nil ? 0 : 1)
            packed.append(record.uniqueId ?? "")
            packed.append(record.meterValue.text)
            for dimension in record.isCancel ? record.ownDimensions : record.dimensions {
                packed.append(dimension.name)
                packed.append(dimension.value)
            }
        }
        bytes = Array(SHA256.hash(data: packed.bytes).prefix(16))
    }
}
