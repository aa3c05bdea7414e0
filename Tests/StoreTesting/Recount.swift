import Aggregation
import Meter
import Store

/// Answers a question by going through all records, one after the other.
///
/// It knows no hours, rollups or transactions. How figures are made of records is `Aggregation`'s, which has tests of its
/// own; what is checked with this is which records a store makes them of.
struct Recount {
    let definition: MeterDefinition
    /// Each record once.
    var records: [ReceivedRecord] = []
    /// The ids of those that were taken back.
    var cancelled: Set<String> = []

    init(definition: MeterDefinition) {
        self.definition = definition
    }

    func answer(_ query: UsageQuery) throws -> UsageAnswer {
        let function = query.function ?? definition.meterType.function
        var table = UsageTable(
            function: function, interval: query.interval, range: query.range, fillsGaps: query.fillsGaps,
            take: query.take, isGrouped: !query.groupBy.isEmpty)
        let counted = records.filter { !cancelled.contains($0.uniqueId ?? "") }
        func add(_ aggregate: Aggregate, of record: ReceivedRecord, at time: Int64) throws {
            guard query.filters.allSatisfy({ filter in filter.values.contains { filter.key.isValue($0, of: record) } })
            else { return }
            let group = GroupKey(query.groupBy.map { $0.value(of: record) })
            try table.add(
                at: table.place(of: group), time: time, aggregate: aggregate,
                unique: function == .unique ? user(of: record) : nil)
        }
        for record in counted {
            let isDuration = definition.meterType == .eventDuration
            let aggregate =
                isDuration
                ? Aggregate(seconds: .zero, records: 1)
                : Aggregate(value: ExactDecimal(record.meterValue), time: record.meterTimeInMillis)
            try add(aggregate, of: record, at: record.meterTimeInMillis)
            guard isDuration, let span = span(of: record, among: counted) else { continue }
            for part in span.parts(by: query.interval) {
                try add(Aggregate(seconds: .seconds(milliseconds: part.milliseconds)), of: record, at: part.bucket)
            }
        }
        return table.answer()
    }

    private func user(of record: ReceivedRecord) -> [UInt8]? {
        let values = definition.aggregationDimensions.map { UsageQuery.Key.dimension($0).value(of: record) }
        return values.contains { $0 != nil } ? Array("\(values)".utf8) : nil
    }

    /// For how long a start makes something run: until the next event of the same customer and dimensions.
    private func span(of start: ReceivedRecord, among records: [ReceivedRecord]) -> DurationSpan? {
        let next = records.filter { $0.meterTimeInMillis > start.meterTimeInMillis && isSameSeries($0, start) }
            .min { $0.meterTimeInMillis < $1.meterTimeInMillis }
        return DurationSpan(
            of: DurationEvent(time: start.meterTimeInMillis, isStart: start.meterValue.text == "1"),
            next: next.map { DurationEvent(time: $0.meterTimeInMillis, isStart: $0.meterValue.text == "1") },
            timeout: Int64(definition.timeoutInMinutes ?? 0) * minute)
    }

    private func isSameSeries(_ left: ReceivedRecord, _ right: ReceivedRecord) -> Bool {
        func texts(_ record: ReceivedRecord) -> [[UInt8]] {
            [Array(record.customerId.utf8)] + record.dimensions.flatMap { [Array($0.name.utf8), Array($0.value.utf8)] }
        }
        return texts(left) == texts(right)
    }
}

extension UsageQuery.Key {
    /// The bytes of the text that a record has for it; nil when it lacks the dimension.
    func value(of record: ReceivedRecord) -> [UInt8]? {
        switch self {
        case .customer: Array(record.customerId.utf8)
        case .dimension(let name):
            record.dimensions.first { $0.name.utf8.elementsEqual(name.utf8) }.map { Array($0.value.utf8) }
        }
    }

    fileprivate func isValue(_ text: String?, of record: ReceivedRecord) -> Bool {
        value(of: record) == text.map { Array($0.utf8) }
    }
}
