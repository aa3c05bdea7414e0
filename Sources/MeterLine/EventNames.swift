import Meter

/// What the log events of one envelope, page or file have in common, as text and as the bytes that are written for each.
struct EventNames {
    let account: String
    let logGroup: String
    let logStream: String
    /// What the identities of its records begin with; of no use where each record has one already.
    let identity: Identity.Beginning
    /// The member `source` up to the event's id, comma included.
    let sourcePrefix: [UInt8]

    init(account: String, logGroup: String, logStream: String, makesIdentities: Bool = true) {
        self.account = account
        self.logGroup = logGroup
        self.logStream = logStream
        identity =
            makesIdentities
            ? Identity.Beginning(account: account, logGroup: logGroup, logStream: logStream) : .ofNothing
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

/// One log event of a record that is places in a text.
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
    var ordinal = 0

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
        let derivedId =
            record.ownId.isMissing
            ? names.identity.uniqueId(event.idText, event.id, ordinal: event.ordinal) : nil
        self.init(
            record: Record(
                uniqueId: derivedId ?? string(record.ownId),
                meterApiName: string(record.meter), meterValue: Quantity(canonical: string(record.value)),
                meterTimeInMillis: record.time, customerId: string(record.customer), dimensions: dimensions),
            origin: event.origin(names), ordinal: event.ordinal, timeDerived: record.timeDerived,
            idDerived: record.ownId.isMissing)
    }

    /// Lends `body` what it says as places in a text, as a quick reader finds them; what must be escaped is.
    func withPlaces(_ body: (borrowing QuickRecord, QuickEvent, EventNames) -> Void) {
        // No place begins at 0, where it would be a missing one.
        var text: [UInt8] = [0]
        text.reserveCapacity(512)
        func place(_ string: String) -> QuickRecord.Place {
            let start = text.count
            appendJSONContent(string, to: &text)
            return QuickRecord.Place(start, text.count)
        }
        var places = QuickRecord(dimensions: record.dimensions.count)
        places.ownId = place(record.uniqueId)
        places.meter = place(record.meterApiName)
        places.value = place(record.meterValue.text)
        (places.time, places.timeDerived) = (record.meterTimeInMillis, timeDerived)
        if let customerId = record.customerId { places.customer = place(customerId) }
        for dimension in record.dimensions { places.append(place(dimension.name), place(dimension.value)) }
        let id = place(origin.eventId).range
        places.bytes = text.count
        precondition(text.count <= QuickRecord.maximumTextBytes)
        let names = EventNames(
            account: origin.account, logGroup: origin.logGroup, logStream: origin.logStream, makesIdentities: false)
        ByteText.with(text.span) { text in
            let event = QuickEvent(
                text: text, idText: text, id: id, timestamp: origin.timestamp, ordinal: ordinal)
            body(places, event, names)
        }
    }
}

extension ByteText {
    /// The bytes of a range as text.
    func string(_ range: Range<Int>) -> String {
        unsafe withBytes(range) { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
