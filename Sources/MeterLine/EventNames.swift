import Meter

/// What the log events of one envelope, page or file have in common, as text and as the bytes that are written for each.
struct EventNames {
    let account: String
    let logGroup: String
    let logStream: String
    /// What the identities of its records begin with.
    let identity: Identity.Beginning
    /// The member `source` up to the event's id, comma included.
    let sourcePrefix: [UInt8]

    init(account: String, logGroup: String, logStream: String) {
        self.account = account
        self.logGroup = logGroup
        self.logStream = logStream
        identity = Identity.Beginning(account: account, logGroup: logGroup, logStream: logStream)
        var source = Array(",\"source\":".utf8)
        var object = JSONObjectWriter(&source)
        object.member("account", account, &source)
        object.member("logGroup", logGroup, &source)
        object.member("logStream", logStream, &source)
        object.name("eventId", &source)
        source.append(UInt8(ascii: "\""))
        sourcePrefix = source
    }

    func origin(eventId: String, timestamp: Int64?, ingestionTime: Int64? = nil) -> EventOrigin {
        EventOrigin(
            account: account, logGroup: logGroup, logStream: logStream, eventId: eventId, timestamp: timestamp,
            ingestionTime: ingestionTime)
    }
}

/// One log event whose record was read the quick way.
struct QuickEvent {
    /// What the record's places are in.
    var text: ByteText
    /// The event's id, ASCII that needs no escape, and what it stands in.
    var idText: ByteText
    var id: Range<Int>
    var timestamp: Int64?
    /// When CloudWatch Logs took the event, where that is told.
    var ingestionTime: Int64?
    /// The place of its record among the values of the message; a quick reader reads one alone.
    static let ordinal = 0

    func origin(_ names: EventNames) -> EventOrigin {
        names.origin(eventId: idText.string(id), timestamp: timestamp, ingestionTime: ingestionTime)
    }
}

extension FoundRecord {
    /// Copies what was read out of its text.
    init(_ record: borrowing QuickRecord, of event: QuickEvent, _ names: EventNames) {
        func string(_ place: QuickRecord.Place) -> String { event.text.string(place.range) }
        var dimensions: [Dimension] = []
        dimensions.reserveCapacity(record.dimensionCount)
        for index in 0..<record.dimensionCount {
            let dimension = record.dimension(index)
            dimensions.append(Dimension(name: string(dimension.name), value: string(dimension.value)))
        }
        self.init(
            record: Record(
                uniqueId: record.ownId.isMissing
                    ? names.identity.uniqueId(event.idText, event.id, ordinal: QuickEvent.ordinal)
                    : string(record.ownId),
                meterApiName: string(record.meter), meterValue: Quantity(canonical: string(record.value)),
                meterTimeInMillis: record.time, customerId: string(record.customer), dimensions: dimensions),
            origin: event.origin(names), ordinal: QuickEvent.ordinal, timeDerived: record.timeDerived,
            idDerived: record.ownId.isMissing)
    }
}

extension ByteText {
    /// The bytes of a range as text.
    func string(_ range: Range<Int>) -> String {
        unsafe withBytes(range) { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
